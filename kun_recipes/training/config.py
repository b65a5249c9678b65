"""What `recipes/train.py` can be told: TRL's SFTConfig and the few options of ours."""

import warnings
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from transformers.trainer_utils import SaveStrategy
from trl import SFTConfig

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, OutputPath, PromptPath
from kun_recipes.corpus.config import Benchmark
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.errors import ConfigError
from kun_recipes.execution.rounds import OfRound
from kun_recipes.models.hardware import fast_dtype
from kun_recipes.training.distributed import check_batch
from kun_recipes.training.mixture import DatasetMixture
from kun_recipes.training.model_options import ModelOptions
from kun_recipes.training.tracking import check_trackers


@dataclass(kw_only=True)
class TrainConfig(ModelOptions, SFTConfig, OfRound):
    """Fine-tune the label model, the primary chat model or the final model (Kun §3.1, §3.3)."""

    RENAMED: ClassVar[dict[str, str]] = ModelOptions.RENAMED | {
        "mix": "is now dataset_mixture: {datasets: [{id: …, columns: [instruction, output], weight: …}]}",
        "chat_template": "is now chat_template_path, a Jinja file",
        "dataset_name": "is here seeds",
        "evaluation_strategy": "is now eval_strategy",
        "max_seq_length": "is now max_length",
        "overwrite_output_dir": "is gone: remove the folder or give another output_dir",
        "warmup_ratio": "is now warmup_steps, where a number below 1 is a share",
    }

    output_dir: OutputPath = option(help="folder of the trained model and its train_summary.json")
    chat_template_path: InputPath | None = option(
        None, "Jinja file that replaces the base model's chat template; needs {% generation %} markers"
    )
    chat_template_kwargs: dict[str, bool | int | str] | None = option(
        None,
        "arguments of the chat template, which the trained model is then asked with, too; where the template knows "
        "enable_thinking, that is false unless given here",
    )

    direction: Literal["forward", "backward"] = option(
        "forward", "forward trains instruction -> output, backward output -> instruction", source="§3.1"
    )
    seeds: DatasetPath | None = option(
        None,
        "training pairs in a common form: JSON, CSV or Parquet, a folder of such files, or a Hub dataset; null trains "
        "on the dataset_mixture alone",
        source="§3.1",
    )
    seeds_revision: str | None = option(None, "commit of the seeds, where they are a Hub dataset")
    seeds_subset: str | None = option(None, "config of the seeds, where they are a Hub dataset; null: its default one")
    seeds_split: str | None = option(
        None,
        "split of the seeds, where they are a Hub dataset; null: all but test and validation splits, which are left "
        "out by their names",
    )
    instruction_column: str = option("instruction", "column of the instruction x")
    output_column: str = option("output", "column of the output y")
    label_prompt: PromptPath | None = option(
        None, "prompt file that asks for the instruction of {segment}; backward only", source="§3.2"
    )
    held_out_share: float = option(
        0.1, "share of the pairs, by hash, that is measured and not trained on", min=0, max=0.5
    )
    train_rows: int | None = option(
        None,
        "pairs trained on, chosen by hash: a larger number holds the smaller ones; null trains on all",
        source="table 3: 9k to 360k",
        min=1,
    )
    dataset_mixture: DatasetMixture | None = option(
        None,
        "other instruction sets beside the seeds, as the Alignment Handbook names them",
        source="table 3: COIG-one-38k",
    )
    max_length: int = option(
        1024, "longest conversation trained on; longer ones are removed, not cut", unit="tokens", min=16
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

    global_batch_size: int | None = option(
        None,
        "sets gradient_accumulation_steps, so that an update is the same on any number of processes; null leaves it",
        unit="conversations in one update, over all processes",
        source="§4.1.1: 16",
        min=1,
    )
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

    # TRL's own arguments whose defaults do not suit: nothing leaves the machine, the loss is on the answer alone, and
    # the end of turn is trained and named. `bf16: null` is decided by the hardware.
    eos_token: str = option("<|im_end|>", "token that ends a turn; trained, and the model's EOS afterwards")
    completion_only_loss: bool | None = field(default=True, metadata={"help": "Loss on the completion alone."})
    assistant_only_loss: bool = field(default=True, metadata={"help": "Loss on the assistant's turns alone."})
    eval_packing: bool | None = field(default=False, metadata={"help": "Pack the held-out pairs; must stay false."})
    report_to: list[str] | str = field(
        default_factory=lambda: ["tensorboard"],
        metadata={"help": "Experiment tracker: tensorboard, in <output_dir>/logs; none; or trackio, wandb, …"},
    )
    ddp_find_unused_parameters: bool | None = field(
        default=False,
        metadata={"help": "Look for weights that a step does not use; slower, and only some models have any."},
    )
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Recompute activations in the backward pass: less memory, slower."}
    )
    per_device_eval_batch_size: int = field(default=1, metadata={"help": "Held-out pairs measured at once."})
    log_level_replica: str = field(
        default="error", metadata={"help": "What processes other than the first may say: as little as the first."}
    )
    logging_steps: float = field(default=1, metadata={"help": "Update steps between two logged losses."})
    save_minutes: float | None = option(
        None,
        "a checkpoint is saved once this time has passed since the last, instead of every save_steps; a run can go on "
        "with another value",
        unit="minutes",
        source="ours",
        above=0,
    )
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept while training."})

    def __post_init__(self) -> None:
        self.asked = {field.name: getattr(self, field.name) for field in fields(self)}
        """The options as they were given, before this machine's hardware and TRL resolve some of them."""
        ModelOptions.__post_init__(self)
        if not torch.accelerator.is_available():
            self.use_cpu = True
        if self.bf16 is None:
            # LoRA keeps its adapters in fp32 over a base in the fast format: nothing is left for autocast to speed up.
            self.bf16: bool | None = not self.use_peft and not self.fp16 and fast_dtype() == torch.bfloat16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of TRL's about transformers' own renamed options
            try:
                SFTConfig.__post_init__(self)
            except TypeError as error:  # of accelerate's, for a key that it does not know
                raise ConfigError("accelerator_config", f"cannot be used: {error}") from error
        if self.save_minutes:
            self.save_strategy = SaveStrategy.NO  # of TRL's own; `checkpoints.SaveByTime` saves

    def seeds_part(self) -> HubPart:
        """Return what is read of seeds that are a Hub dataset."""
        return HubPart(self.seeds_revision, self.seeds_subset, self.seeds_split, ("seeds_subset", "seeds_split"))

    def to_dict(self) -> dict[str, Any]:
        """Return the values for trackers, as JSON can hold them."""
        mixture = self.dataset_mixture
        benchmarks = [asdict(one) for one in self.benchmarks or []]
        return {**super().to_dict(), "dataset_mixture": mixture and asdict(mixture), "benchmarks": benchmarks}

    def check(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        self.check_model()
        if self.push_to_hub:
            raise ConfigError("push_to_hub", "must stay false: a training publishes nothing, recipes/publish.py does")
        self._check_data()
        if self.direction == "backward" and not self.label_prompt:
            raise ConfigError("label_prompt", "is required for direction: backward")
        if self.direction == "forward" and self.label_prompt:
            raise ConfigError("label_prompt", "has no effect for direction: forward; leave it out")
        self._check_judges()
        check_batch(self.global_batch_size, self.per_device_train_batch_size, self.gradient_accumulation_steps)
        for key in ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"):
            if not getattr(self, key) > 0:
                raise ConfigError(key, f"must be above 0, not {getattr(self, key)}")
        if self.enable_jit_checkpoint:
            raise ConfigError("enable_jit_checkpoint", "is not needed: every training saves a checkpoint on SIGTERM")
        if self.save_minutes and (steps := self.asked["save_steps"]) != SFTConfig.save_steps:
            raise ConfigError("save_minutes", f"saves by time, save_steps: {steps:g} by steps: choose one of the two")
        self._check_rows()
        self._check_kernels()
        check_trackers(self.report_to)
        if not self.assistant_only_loss or not self.completion_only_loss:
            key = "completion_only_loss" if self.assistant_only_loss else "assistant_only_loss"
            raise ConfigError(key, "must stay true: the loss is on the answers alone")

    def _check_data(self) -> None:
        mixture = self.dataset_mixture
        if self.seeds is None and mixture is None:
            raise ConfigError("seeds", "is required, or a dataset_mixture: set it in the YAML or by --seeds")
        for key in ("seeds_revision", "seeds_subset", "seeds_split"):
            if getattr(self, key) and (self.seeds is None or Path(self.seeds).exists()):
                raise ConfigError(key, "holds for a Hub dataset; the seeds are a path")
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

    def _check_kernels(self) -> None:
        if self.use_liger_kernel:
            raise ConfigError(
                "use_liger_kernel", "is given up by TRL for the Hub's kernels: model_init_kwargs: {use_kernels: true}"
            )
        if again := {"attn_implementation", "dtype"} & (self.model_init_kwargs or {}).keys():
            raise ConfigError("model_init_kwargs", f"{min(again)} is an option of its own: set it there")

    def _check_judges(self) -> None:
        required = ("filter_prompt", "score_prompt")
        if self.judge_data and self.direction == "backward":
            raise ConfigError("judge_data", "is for direction: forward; the label model judges nothing")
        for key in (*required, "answer_prompt"):
            if self.judge_data and key in required and not getattr(self, key):
                raise ConfigError(key, "is required with judge_data")
            if getattr(self, key) and not self.judge_data:
                raise ConfigError(key, "has no effect without judge_data; leave it out")
