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
        "dataset_name": "is here seeds",
    }

    direction: Literal["forward", "backward"] = option(
        "forward", "forward trains instruction -> output, backward output -> instruction", source="§3.1"
    )
    seeds: DatasetPath | None = option(
        None,
        "training pairs in a common form: JSON, CSV or Parquet, a folder of such files, or a Hub dataset; null trains "
        "on the dataset_mixture alone",
        source="§3.1",
    )
    instruction_column: str = option("instruction", "column of the instruction x")
    output_column: str = option("output", "column of the output y")
    label_prompt: PromptPath | None = option(
        None, "prompt file that asks for the instruction of {segment}; backward only", source="§3.2"
    )
    train_rows: int | None = option(
        None,
        "pairs trained on, chosen by hash: a larger number holds the smaller ones; null trains on all",
        source="table 3: 9k to 360k",
        min=1,
    )
    dataset_mixture: DatasetMixture | None = option(
        None,
        "other instruction sets besides the seeds, as the Alignment Handbook names them",
        source="table 3: COIG-one-38k",
    )
    seed_checks: list[str] | None = option(
        None,
        "what seeds and sets mixed in are held to: rules, those of A.2 on repetition, low-quality keywords, and in "
        "answers refusals, meaningless characters and format errors; privacy, no private data. A pair that fails is "
        "left out, located and counted; null: nothing",
        source="§3.1: strict quality control",
        choices=("rules", "privacy"),
        package_file=("rules/rules.yaml", "privacy/privacy.yaml"),
    )
    rules: InputPath | None = option(None, "YAML file of these rules; null takes the package's")
    benchmarks: list[Benchmark] | None = option(None, "evaluation sets that no seed and no pair mixed in may quote")

    judge_data: list[DatasetPath] | None = option(
        None,
        "files of the judges' labelled items, or datasets of the Hub, half of which are mixed in; forward only",
        source="evaluation fine-tuning, Yuan et al. 2024",
    )
    filter_prompt: PromptPath | None = option(None, "prompt file of the filter judge, with {instruction}")
    score_prompt: PromptPath | None = option(None, "prompt file of the score judge, with {instruction}")
    answer_prompt: PromptPath | None = option(
        None, "prompt file of the answer judge, with {segment}, {instruction} and {output}; null: it has no items"
    )
    judge_turns: int = option(
        12, "most judge items laid into one conversation, whose beginning they share; fewer where they are long", min=1
    )
    judge_passes: int = option(1, "times each judge item is laid out, each time in another order", min=1)

    packing: bool = option(
        False,
        "fill rows of max_length tokens with whole conversations that do not see each other; a batch is then counted "
        "in rows, so that the number of conversations in an update varies",
    )
    padding_free: bool = option(
        False,
        "lay the conversations of a batch into one row instead of padding them; they do not see each other, and an "
        "update has as many conversations as with padding",
    )

    # TRL's own arguments whose defaults do not suit: the loss is on the answer alone.
    completion_only_loss: bool | None = field(default=True, metadata={"help": "Loss on the completion alone."})
    assistant_only_loss: bool = field(default=True, metadata={"help": "Loss on the assistant's turns alone."})
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
            raise ConfigError("label_prompt", "has no effect for direction: forward; leave it out")
        self._check_judges()
        self._check_rows()
        if not self.assistant_only_loss or not self.completion_only_loss:
            key = "completion_only_loss" if self.assistant_only_loss else "assistant_only_loss"
            raise ConfigError(key, "must stay true: the loss is on the answers alone")

    def _check_data(self) -> None:
        mixture = self.dataset_mixture
        if self.seeds is None and mixture is None:
            raise ConfigError("seeds", "is required, or a dataset_mixture: set it in the YAML or by --seeds")
        self.check_seeds_part(self.seeds)
        if self.train_rows and self.seeds is None:
            raise ConfigError("train_rows", "counts pairs of the seeds; a set of the dataset_mixture has its weight")
        if mixture:
            mixture.check(self.seeds)

    def _check_rows(self) -> None:
        if self.packing and self.padding_free:
            raise ConfigError("padding_free", "has no effect with packing, whose rows have no padding; leave it out")
        if self.packing and self.global_batch_size:
            raise ConfigError(
                "global_batch_size", "counts conversations, of which packing makes no fixed number; take padding_free"
            )
        if self.packing_strategy != "bfd":
            raise ConfigError("packing_strategy", "must stay bfd: the others cut conversations")
        if self.eval_packing is not False:
            raise ConfigError("eval_packing", "must stay false: the held-out loss is a mean over conversations")

    def _check_judges(self) -> None:
        required = ("filter_prompt", "score_prompt")
        if self.judge_data and self.direction == "backward":
            raise ConfigError("judge_data", "is for direction: forward; the label model judges nothing")
        for key in (*required, "answer_prompt"):
            if self.judge_data and key in required and not getattr(self, key):
                raise ConfigError(key, "is required with judge_data")
            if getattr(self, key) and not self.judge_data:
                raise ConfigError(key, "has no effect without judge_data; leave it out")
