"""What `recipes/train.py` can be told: TRL's SFTConfig and the options of ours."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from trl import SFTConfig

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, PromptPath
from kun_recipes.errors import ConfigError
from kun_recipes.training.options import TrainingOptions


@dataclass(frozen=True)
class MixedIn:
    """An instruction set that is trained on beside the seeds, such as COIG, BELLE or OL-CC."""

    path: DatasetPath = option(help="file, folder or Hub dataset")
    instruction: str = option("instruction", "column; several are joined by +, such as instruction+input")
    output: str = option("output", "column")
    weight: float | None = option(None, "its rows per row of the seeds trained on; null takes all rows", above=0)
    revision: str | None = option(None, "its commit, where it is a Hub dataset")


@dataclass(kw_only=True)
class TrainConfig(TrainingOptions, SFTConfig):
    """Fine-tune the label model, the primary chat model or the final model (Kun §3.1, §3.3)."""

    direction: Literal["forward", "backward"] = option(
        "forward", "forward trains instruction -> output, backward output -> instruction", source="§3.1"
    )
    seeds: DatasetPath = option(
        help="training pairs in a common form: JSON, CSV or Parquet, a folder of such files, or a Hub dataset",
        source="§3.1",
    )
    seeds_revision: str | None = option(None, "commit of the seeds, where they are a Hub dataset")
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
    mix: list[MixedIn] | None = option(None, "other instruction sets beside the seeds", source="table 3: COIG-one-38k")
    judge_data: list[InputPath] | None = option(
        None,
        "files of the judges' labelled items, half of which are mixed in; forward only",
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
        return {**super().to_dict(), "mix": [asdict(one) for one in self.mix or []]}

    def check(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        super().check()
        if self.seeds_revision and Path(self.seeds).exists():
            raise ConfigError("seeds_revision", "holds for a Hub dataset; the seeds are a path")
        if self.direction == "backward" and not self.label_prompt:
            raise ConfigError("label_prompt", "is required for direction: backward")
        if self.direction == "forward" and self.label_prompt:
            raise ConfigError("label_prompt", "has no effect for direction: forward; leave it out")
        self._check_judges()
        for place, one in enumerate(self.mix or []):
            if one.revision and Path(one.path).exists():
                raise ConfigError(f"mix[{place}].revision", f"holds for a Hub dataset; {one.path} is a path")
        self._check_rows()
        if not self.assistant_only_loss or not self.completion_only_loss:
            key = "completion_only_loss" if self.assistant_only_loss else "assistant_only_loss"
            raise ConfigError(key, "must stay true: the loss is on the answers alone")

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
