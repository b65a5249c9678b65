"""Options of `recipes/train.py`: TRL's SFTConfig and our own."""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from trl import SFTConfig

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, PromptPath
from kun_recipes.corpus.config import Benchmark
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import HubSeeds
from kun_recipes.execution.rounds import OfRound
from kun_recipes.training.mixture import DatasetMixture
from kun_recipes.training.options import TrainingOptions


@dataclass(kw_only=True)
class TrainConfig(TrainingOptions, SFTConfig, OfRound, HubSeeds):
    """Fine-tune the label model, the primary chat model or the final model (Kun §3.1, §3.3)."""

    RENAMED: ClassVar[dict[str, str]] = TrainingOptions.RENAMED | {
        "mix": "is now dataset_mixture: {datasets: [{id: …, columns: [instruction, output], weight: …}]}",
        "dataset_name": "is called seeds here",
    }

    direction: Literal["forward", "backward"] = option(
        "forward", "forward: train instruction -> output; backward: train output -> instruction", source="§3.1"
    )
    seeds: DatasetPath | None = option(
        None,
        "training pairs in a common format: a JSON, CSV or Parquet file, a folder of such files, or a Hub dataset; "
        "null: train on the dataset_mixture only",
        source="§3.1",
    )
    instruction_column: str = option("instruction", "column of the instruction x")
    output_column: str = option("output", "column of the output y")
    label_prompt: PromptPath | None = option(
        None,
        "prompt file that asks for the instruction that {segment} answers; direction: backward only",
        source="§3.2",
    )
    train_rows: int | None = option(
        None,
        "number of training pairs, chosen by hash so that a larger number includes the smaller ones; null: all pairs",
        source="table 3: 9k to 360k",
        min=1,
    )
    dataset_mixture: DatasetMixture | None = option(
        None,
        "instruction datasets to use in addition to the seeds, in the format of the Alignment Handbook",
        source="table 3: COIG-one-38k",
    )
    seed_checks: list[str] | None = option(
        None,
        "filters applied to the seeds and the mixed-in datasets: rules (those of A.2 on repetition and low-quality "
        "keywords and, in answers, refusals, meaningless characters and format errors), privacy (no private data). "
        "Pairs that fail are removed, located and counted; null: no filter",
        source="§3.1: strict quality control",
        choices=("rules", "privacy"),
        package_file=("rules/rules.yaml", "privacy/privacy.yaml"),
    )
    rules: InputPath | None = option(None, "YAML file of these rules; null: the package's file")
    benchmarks: list[Benchmark] | None = option(
        None, "evaluation sets; seeds and mixed-in pairs that quote them are removed"
    )

    judge_data: list[DatasetPath] | None = option(
        None,
        "files or Hub datasets of labelled judge items, half of which are mixed in; direction: forward only",
        source="evaluation fine-tuning, Yuan et al. 2024",
    )
    filter_prompt: PromptPath | None = option(None, "prompt file of the filter judge, with {instruction}")
    score_prompt: PromptPath | None = option(None, "prompt file of the score judge, with {instruction}")
    answer_prompt: PromptPath | None = option(
        None,
        "prompt file of the answer judge, with {segment}, {instruction} and {output}; null: no items of this judge",
    )
    judge_turns: int = option(
        12, "maximum number of judge items in one conversation, where they share the prefix; fewer if long", min=1
    )
    judge_passes: int = option(1, "number of times each judge item is used, each time in another order", min=1)

    packing: bool = option(
        False,
        "fill rows of max_length tokens with whole conversations that do not attend to each other; a batch is then "
        "counted in rows, so that the number of conversations per update varies",
    )
    padding_free: bool = option(
        False,
        "put the conversations of a batch into one row instead of padding them; they do not attend to each other, and "
        "an update has as many conversations as with padding",
    )

    # TRL's own arguments whose defaults do not suit: the loss is on the answer alone.
    completion_only_loss: bool | None = field(
        default=True, metadata={"help": "Compute the loss on the completion only."}
    )
    assistant_only_loss: bool = field(
        default=True, metadata={"help": "Compute the loss on the assistant's turns only."}
    )
    eval_packing: bool | None = field(default=False, metadata={"help": "Pack the held-out pairs; must stay false."})

    @property
    def shares_rows_by(self) -> str | None:
        return "packing" if self.packing else "padding_free" if self.padding_free else None

    def to_dict(self) -> dict[str, Any]:
        """Return the values for trackers, as JSON can hold them."""
        mixture = self.dataset_mixture
        benchmarks = [asdict(one) for one in self.benchmarks or []]
        return {**super().to_dict(), "dataset_mixture": mixture and asdict(mixture), "benchmarks": benchmarks}

    def check(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        super().check()
        self._check_data()
        if self.direction == "backward" and not self.label_prompt:
            raise ConfigError("label_prompt", "is required for direction: backward")
        if self.direction == "forward" and self.label_prompt:
            raise ConfigError("label_prompt", "has no effect for direction: forward; remove it")
        self._check_judges()
        self._check_rows()
        if not self.assistant_only_loss or not self.completion_only_loss:
            key = "completion_only_loss" if self.assistant_only_loss else "assistant_only_loss"
            raise ConfigError(key, "must stay true: the loss is computed on the answers only")

    def _check_data(self) -> None:
        mixture = self.dataset_mixture
        if self.seeds is None and mixture is None:
            raise ConfigError("seeds", "is required unless dataset_mixture is set; set it in the YAML or with --seeds")
        self.check_seeds_part(self.seeds)
        if self.train_rows and self.seeds is None:
            raise ConfigError(
                "train_rows", "applies only to the seeds; for a dataset of the dataset_mixture, set weight"
            )
        if mixture:
            mixture.check(self.seeds)

    def _check_rows(self) -> None:
        if self.packing and self.padding_free:
            raise ConfigError("padding_free", "has no effect with packing, whose rows have no padding; remove it")
        if self.packing and self.global_batch_size:
            raise ConfigError(
                "global_batch_size", "counts conversations, whose number per row varies with packing; use padding_free"
            )
        if self.packing_strategy != "bfd":
            raise ConfigError("packing_strategy", "must stay bfd: the other strategies cut conversations")
        if self.eval_packing is not False:
            raise ConfigError("eval_packing", "must stay false: the held-out loss is a mean over conversations")

    def _check_judges(self) -> None:
        required = ("filter_prompt", "score_prompt")
        if self.judge_data and self.direction == "backward":
            raise ConfigError("judge_data", "is only for direction: forward; the label model does not judge")
        for key in (*required, "answer_prompt"):
            if self.judge_data and key in required and not getattr(self, key):
                raise ConfigError(key, "is required with judge_data")
            if getattr(self, key) and not self.judge_data:
                raise ConfigError(key, "has no effect without judge_data; remove it")
