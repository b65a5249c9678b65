"""Options that all trainings share, whatever trainer of TRL's they are of."""

import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import TrainingArguments
from transformers.trainer_utils import SaveStrategy

from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, ModelPath, OutputPath
from kun_recipes.errors import ConfigError
from kun_recipes.models.hardware import fast_dtype
from kun_recipes.training.attention import Attention
from kun_recipes.training.distributed import check_batch
from kun_recipes.training.tracking import check_trackers

if TYPE_CHECKING:
    _Arguments = TrainingArguments
else:  # whose defaults would replace those of a trainer's config class
    _Arguments = object


@dataclass(kw_only=True)
class TrainingOptions(_Arguments):
    """Options of a training beside those of its trainer's config class, which stands behind this one."""

    output_dir: OutputPath = option(help="folder of the trained model and its train_summary.json")
    model: ModelPath = option(
        help="the base model: a folder, a Hub id or a .yaml model source", source="§4.1.1: Yi-6B"
    )
    model_revision: str | None = option(None, "commit of the base model, where it is a Hub id")
    chat_template_path: InputPath | None = option(
        None, "Jinja file that replaces the base model's chat template; needs {% generation %} markers"
    )
    chat_template_kwargs: dict[str, bool | int | str] | None = option(
        None,
        "arguments of the chat template, which the trained model is then asked with, too; where the template knows "
        "enable_thinking, that is false unless given here",
    )
    held_out_share: float = option(
        0.1, "share of the pairs, by hash, that is measured and not trained on", min=0, max=0.5
    )
    max_length: int = option(
        1024, "longest conversation trained on; longer ones are removed, not cut", unit="tokens", min=16
    )

    lora_rank: int = option(0, "rank of the LoRA adapters, merged on save; 0 trains all weights", min=0)
    lora_alpha: int = option(16, "LoRA scale: the adapters' output is multiplied by alpha / rank", min=1)
    lora_targets: list[str] = option(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "linear layers with an adapter"
    )

    global_batch_size: int | None = option(
        None,
        "sets gradient_accumulation_steps, so that an update is the same on any number of processes; null leaves it",
        unit="conversations in one update, over all processes",
        source="§4.1.1: 16",
        min=1,
    )
    attention: Attention | None = option(
        None, "attention implementation; null takes flash attention where a GPU and its package are, else SDPA"
    )

    # TRL's own arguments whose defaults do not suit: nothing leaves the machine, and the end of turn is trained and
    # named. `bf16: null` is decided by the hardware.
    eos_token: str = option("<|im_end|>", "token that ends a turn; trained, and the model's EOS afterwards")
    report_to: str = field(
        default="tensorboard",
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
        if not torch.accelerator.is_available():
            self.use_cpu = True
        if self.bf16 is None:
            # LoRA keeps its adapters in fp32 over a base in the fast format: nothing is left for autocast to speed up.
            self.bf16: bool | None = self.lora_rank == 0 and not self.fp16 and fast_dtype() == torch.bfloat16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of TRL's about transformers' own renamed options
            try:
                super().__post_init__()
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
        if self.model_revision and (Path(self.model).exists() or self.model.endswith(".yaml")):
            raise ConfigError("model_revision", "holds for a Hub id; the model is a path")
        check_batch(self.global_batch_size, self.per_device_train_batch_size, self.gradient_accumulation_steps)
        for key in ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"):
            if not getattr(self, key) > 0:
                raise ConfigError(key, f"must be above 0, not {getattr(self, key)}")
        if self.enable_jit_checkpoint:
            raise ConfigError("enable_jit_checkpoint", "is not needed: every training saves a checkpoint on SIGTERM")
        if self.save_minutes and (steps := self.asked["save_steps"]) != TrainingArguments.save_steps:
            raise ConfigError("save_minutes", f"saves by time, save_steps: {steps:g} by steps: choose one of the two")
        check_trackers(self.report_to)
        self._check_kernels()

    def _check_kernels(self) -> None:
        if self.use_liger_kernel:
            raise ConfigError(
                "use_liger_kernel", "is given up by TRL for the Hub's kernels: model_init_kwargs: {use_kernels: true}"
            )
        if "attn_implementation" in (self.model_init_kwargs or {}):
            raise ConfigError("model_init_kwargs", "attn_implementation is set by the option attention")
