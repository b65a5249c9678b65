"""Options that all trainings share, whatever trainer of TRL's they are of."""

import warnings
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar

import torch
from transformers import TrainingArguments
from transformers.trainer_utils import SaveStrategy
from trl import ModelConfig

from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, OutputPath
from kun_recipes.errors import ConfigError
from kun_recipes.models.hardware import fast_dtype
from kun_recipes.training.distributed import check_batch
from kun_recipes.training.model_options import ModelOptions
from kun_recipes.training.tracking import check_trackers

if TYPE_CHECKING:

    class _Arguments(TrainingArguments): ...
else:

    class _Arguments:  # without fields, whose defaults would replace those of a trainer's config class
        pass


@dataclass(kw_only=True)
class TrainingOptions(ModelOptions, _Arguments):
    """Options of a training in addition to those of its trainer's config class, the next base class."""

    RENAMED: ClassVar[dict[str, str]] = ModelOptions.RENAMED | {
        "chat_template": "is now chat_template_path, a Jinja file",
        "evaluation_strategy": "is now eval_strategy",
        "max_seq_length": "is now max_length",
        "overwrite_output_dir": "no longer exists; remove the folder or set another output_dir",
        "warmup_ratio": "is now warmup_steps, where a number below 1 is a share",
    }

    output_dir: OutputPath = option(help="folder of the trained model and its train_summary.json")
    chat_template_path: InputPath | None = option(
        None, "Jinja file that replaces the base model's chat template; needs {% generation %} markers"
    )
    chat_template_kwargs: dict[str, bool | int | str] | None = option(
        None,
        "arguments of the chat template, used in training and later when the trained model generates; "
        "enable_thinking, if the template has it, is false unless set here",
    )
    held_out_share: float = option(
        0.1, "share of the pairs, chosen by hash, used for measurement instead of training", min=0, max=0.5
    )
    max_length: int = option(
        1024, "maximum length of a conversation; longer ones are removed, not cut", unit="tokens", min=16
    )

    global_batch_size: int | None = option(
        None,
        "sets gradient_accumulation_steps so that an update is the same on any number of processes; null: not set",
        unit="conversations in one update, over all processes",
        source="§4.1.1: 16",
        min=1,
    )

    # TRL's own arguments whose defaults do not suit: nothing leaves the machine, and the end of turn is trained and
    # named. `bf16: null` is decided by the hardware.
    eos_token: str = option("<|im_end|>", "token that ends a turn; it is trained and becomes the model's EOS")
    report_to: list[str] | str = field(
        default_factory=lambda: ["tensorboard"],
        metadata={"help": "Experiment tracker: tensorboard, in <output_dir>/logs; none; or trackio, wandb, …"},
    )
    ddp_find_unused_parameters: bool | None = field(
        default=False,
        metadata={"help": "Look for weights that a step does not use; slower, and needed by few models."},
    )
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Recompute activations in the backward pass: less memory, slower."}
    )
    per_device_eval_batch_size: int = field(default=1, metadata={"help": "Held-out pairs evaluated at once."})
    log_level_replica: str = field(default="error", metadata={"help": "Log level of all processes except the first."})
    logging_steps: float = field(default=1, metadata={"help": "Number of update steps between two logged losses."})
    save_minutes: float | None = option(
        None,
        "time between two checkpoints, instead of save_steps; may change when a run is resumed",
        unit="minutes",
        source="ours",
        above=0,
    )
    save_total_limit: int | None = field(
        default=2, metadata={"help": "Maximum number of checkpoints kept during training."}
    )

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
                super(ModelConfig, self).__post_init__()  # the trainer's
            except TypeError as error:  # of accelerate's, for a key that it does not know
                raise ConfigError("accelerator_config", f"cannot be used: {error}") from error
        if self.save_minutes:
            self.save_strategy = SaveStrategy.NO  # of TRL's own; `checkpoints.SaveByTime` saves

    @property
    def shares_rows_by(self) -> str | None:
        """The option by which several conversations lie in one row; None: none do."""
        return None

    def check(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        self.check_model()
        if self.push_to_hub:
            raise ConfigError("push_to_hub", "must stay false; publish with recipes/publish.py after training")
        check_batch(self.global_batch_size, self.per_device_train_batch_size, self.gradient_accumulation_steps)
        for key in ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"):
            if not getattr(self, key) > 0:
                raise ConfigError(key, f"must be above 0, not {getattr(self, key)}")
        if self.enable_jit_checkpoint:
            raise ConfigError("enable_jit_checkpoint", "is not needed: training always saves a checkpoint on SIGTERM")
        if self.save_minutes and (steps := self.asked["save_steps"]) != TrainingArguments.save_steps:
            raise ConfigError("save_minutes", f"saves by time, but save_steps: {steps:g} is also set; set only one")
        check_trackers(self.report_to)
        self._check_kernels()

    def _check_kernels(self) -> None:
        if self.use_liger_kernel:
            raise ConfigError(
                "use_liger_kernel",
                "TRL replaced it with the Hub's kernels; set model_init_kwargs: {use_kernels: true}",
            )
        if again := {"attn_implementation", "dtype"} & (self.model_init_kwargs or {}).keys():
            raise ConfigError("model_init_kwargs", f"{min(again)} is a separate option; set it there")
