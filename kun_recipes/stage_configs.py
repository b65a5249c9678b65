"""One dataclass a stage: every option once, with its default, unit and source.

Training has its own in `kun_recipes.training.config`, because it extends TRL's.
"""

from dataclasses import dataclass
from typing import Literal

from kun_recipes.config import ConfigError, option
from kun_recipes.engines import EngineSettings
from kun_recipes.engines.base import Sampling

FORMATS = ("wudao", "wanjuan", "skypile", "jsonl")


@dataclass(kw_only=True)
class CorpusConfig:
    """Read corpora, cut them into self-contained segments and keep the clean ones (Kun §3.1, A.2)."""

    input_path: list[str] = option(help="files or folders of a corpus", exists=True)
    input_format: list[str] = option(help="format of each input_path, or one for all", choices=FORMATS)
    output_dir: str = option(help="folder of this stage", affects_rows=False)
    model: str = option(help="folder, Hub id or model source file whose tokenizer counts the tokens")
    max_documents: int | None = option(None, "documents read of each input_path; null reads all", min=1)
    max_tokens: int = option(512, "longest segment", unit="tokens", source="Kun §3.2", min=16)
    rules: str | None = option(None, "YAML file of the A.2 rules; null takes the ones of the package", exists=True)
    rows_per_shard: int = option(64, "segments a shard: what a crash in a later stage can cost", unit="rows", min=1)
    workers: int = option(1, "processes on this machine", min=1, affects_rows=False)

    def check(self) -> None:
        if len(self.input_format) not in (1, len(self.input_path)):
            raise ConfigError(
                "input_format",
                f"{len(self.input_format)} formats for {len(self.input_path)} input_path: give one, or one each",
            )

    def inputs(self) -> list[tuple[str, str]]:
        """Each path with its format."""
        formats = self.input_format * len(self.input_path) if len(self.input_format) == 1 else self.input_format
        return list(zip(self.input_path, formats, strict=True))


@dataclass(kw_only=True)
class EngineConfig:
    """The model that a stage asks, and how it is run."""

    model: str = option(help="folder or Hub id of the model that this stage asks")
    engine: Literal["transformers"] = option("transformers", "what runs the model")
    dtype: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "number format; auto takes what the processor is fast at"
    )
    max_batch_tokens: int = option(
        8192, "size of a batch, padding included", unit="tokens", min=64, affects_rows=False
    )
    temperature: float = option(0.0, "0 is greedy", source="ours; the released scripts take 0.5", min=0, max=2)
    top_p: float = option(
        1.0, "nucleus, without effect when greedy", source="the released scripts take 0.95", above=0, max=1
    )
    repetition_penalty: float = option(1.0, "1 is none", source="the released scripts take 1.2", above=0, max=2)
    seed: int = option(0, "sampling seed; each row's own is derived from it and the row's id", min=0)
    workers: int = option(1, "processes, each with its own copy of the model", min=1, affects_rows=False)

    def settings(self, model_folder: str) -> EngineSettings:
        return EngineSettings(
            engine=self.engine, model=model_folder, dtype=self.dtype, max_batch_tokens=self.max_batch_tokens
        )

    def sampling(self, max_new_tokens: int) -> Sampling:
        return Sampling(max_new_tokens, self.temperature, self.top_p, self.repetition_penalty)


@dataclass(kw_only=True)
class LabelConfig(EngineConfig):
    """Let the label model write one candidate instruction a segment, and keep the likely ones (Kun §3.2)."""

    segments: str = option(help="folder of segment rows, written by the corpus stage")
    output_dir: str = option(help="folder of this stage", affects_rows=False)
    prompt: str = option("recipes/prompts/label.txt", "label prompt", source="the released label model's", exists=True)
    max_new_tokens: int = option(
        96, "longest instruction; one that does not end by then is removed", unit="tokens", min=1
    )
    max_tokens: int = option(
        512, "a row is removed when its segment or instruction is longer", unit="tokens", source="Kun §3.2", min=1
    )
    max_perplexity: float | None = option(
        None,
        "highest perplexity of the instruction given the segment",
        source="Kun §3.2 filters by it and gives no figure",
        above=1,
    )
    min_fit: float | None = option(None, "lowest fit, log p(x|y) - log p(x) a token", unit="nats", source="ours")
    min_fit_percentile: float | None = option(
        None, "remove this share of the candidates, those of lowest fit", unit="percent", source="ours", min=0, max=100
    )
    rules: str | None = option(None, "YAML file of the A.2 rules; null takes the ones of the package", exists=True)

    def check(self) -> None:
        if self.min_fit is not None and self.min_fit_percentile is not None:
            raise ConfigError("min_fit_percentile", "min_fit is set too: choose one of the two")


@dataclass(kw_only=True)
class RefineConfig(EngineConfig):
    """Let the primary chat model judge the candidates and write the polished answers (Kun §3.3)."""

    candidates: str = option(help="folder of candidate rows, written by the label stage")
    output_dir: str = option(help="folder of this stage", affects_rows=False)
    dataset_dir: str = option(help="folder of the finished dataset, one Parquet split a source", affects_rows=False)
    filter_prompt: str = option(
        "recipes/prompts/filter.txt", "is it an instruction?", source="Kun figure 4", exists=True
    )
    score_prompt: str = option("recipes/prompts/score.txt", "is it a good one?", source="Kun figure 10", exists=True)
    polish_prompt: str = option("recipes/prompts/polish.txt", "refine prompt", source="Kun figure 10", exists=True)
    judge_data: str = option(
        help="labelled items by which both judges are measured, half of them held out", exists=True
    )
    filter_threshold: float | None = option(
        None,
        "lowest calibrated log-odds of 是 kept; null chooses it on the development half of judge_data",
        unit="nats",
    )
    score_threshold: float | None = option(
        None,
        "lowest calibrated log-odds of 好 kept; null chooses it on the development half of judge_data",
        unit="nats",
    )
    max_new_tokens: int = option(
        1024,
        "longest answer; one that does not end by then is removed",
        unit="tokens",
        source="the released scripts",
        min=1,
    )
    rules: str | None = option(None, "YAML file of the A.2 rules; null takes the ones of the package", exists=True)


@dataclass(kw_only=True)
class RunConfig:
    """What the stage files of a recipe share. Setting one here replaces that value wherever the stage files use it."""

    output_dir: str = option(help="folder of the whole run")
    model: str = option(help="the base model: a folder, a Hub id, or a model source file")
    accelerate_config: str = option("accelerate_configs/cpu.yaml", "how the trainings are launched", exists=True)
