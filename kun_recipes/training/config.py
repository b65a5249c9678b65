"""What `recipes/train.py` can be told: TRL's SFTConfig and the few options of ours."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from trl import SFTConfig

from kun_recipes.config import ConfigError, option
from kun_recipes.hardware import fast_dtype


@dataclass(kw_only=True)
class TrainConfig(SFTConfig):
    """Fine-tune the label model, the primary chat model or the final model (Kun §3.1, §3.3)."""

    output_dir: str = option(help="folder of the trained model and its train_summary.json")
    model: str = option(help="the base model: a folder, a Hub id or a .yaml model source", source="§4.1.1: Yi-6B")
    model_revision: str | None = option(None, "commit of the base model, where it is a Hub id")
    chat_template_path: str | None = option(
        None, "Jinja file that replaces the base model's chat template; needs {% generation %} markers", exists=True
    )

    direction: Literal["forward", "backward"] = option(
        "forward", "forward trains instruction -> output, backward output -> instruction", source="§3.1"
    )
    seeds: str = option(
        help="training pairs: a .jsonl or .parquet file, a folder of them, or a Hub dataset", source="§3.1"
    )
    seeds_revision: str | None = option(None, "commit of the seeds, where they are a Hub dataset")
    instruction_column: str = option("instruction", "column of the instruction x")
    output_column: str = option("output", "column of the output y")
    label_prompt: str | None = option(
        None, "prompt file that asks for the instruction of {output}; backward only", source="§3.2", exists=True
    )
    held_out_share: float = option(
        0.1, "share of the pairs, by hash, that is measured and not trained on", min=0, max=0.5
    )
    max_length: int = option(
        1024, "longest conversation trained on; longer ones are removed, not cut", unit="tokens", min=16
    )

    judge_data: str | None = option(
        None,
        "labelled items of the two judges, half of which are mixed in; forward only",
        source="evaluation fine-tuning, Yuan et al. 2024",
        exists=True,
    )
    filter_prompt: str | None = option(None, "prompt file of the filter judge, with {instruction}", exists=True)
    score_prompt: str | None = option(None, "prompt file of the score judge, with {instruction}", exists=True)
    judge_turns: int = option(12, "judge items laid into one conversation, whose beginning they share", min=1)
    judge_passes: int = option(1, "times each judge item is laid out, each time in another order", min=1)

    lora_rank: int = option(0, "rank of the LoRA adapters, merged on save; 0 trains all weights", min=0)
    lora_alpha: int = option(16, "LoRA scale: the adapters' output is multiplied by alpha / rank", min=1)
    lora_targets: list[str] = option(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "linear layers with an adapter"
    )

    # TRL's own arguments whose defaults do not suit: nothing leaves the machine, the loss is on the answer alone, and
    # the end of turn is trained and named. `bf16: null` is decided by the hardware.
    eos_token: str = option("<|im_end|>", "token that ends a turn; trained, and the model's EOS afterwards")
    completion_only_loss: bool | None = field(default=True, metadata={"help": "Loss on the completion alone."})
    assistant_only_loss: bool = field(default=True, metadata={"help": "Loss on the assistant's turns alone."})
    report_to: str = field(default="none", metadata={"help": "Experiment tracker to report to."})
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Recompute activations in the backward pass: less memory, slower."}
    )
    per_device_eval_batch_size: int = field(default=1, metadata={"help": "Held-out pairs measured at once."})
    logging_steps: float = field(default=1, metadata={"help": "Update steps between two logged losses."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept while training."})

    def __post_init__(self):
        if not torch.accelerator.is_available():
            self.use_cpu = True
        if self.bf16 is None:
            # LoRA keeps its adapters in fp32 over a base in the fast format: nothing is left for autocast to speed up.
            self.bf16 = self.lora_rank == 0 and not self.fp16 and fast_dtype() == torch.bfloat16
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of TRL's about transformers' own renamed options
            super().__post_init__()

    def check(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        if self.model_revision and (Path(self.model).exists() or self.model.endswith(".yaml")):
            raise ConfigError("model_revision", "holds for a Hub id; the model is a path")
        if self.seeds_revision and Path(self.seeds).exists():
            raise ConfigError("seeds_revision", "holds for a Hub dataset; the seeds are a path")
        if self.direction == "backward" and not self.label_prompt:
            raise ConfigError("label_prompt", "is required for direction: backward")
        if self.direction == "forward" and self.label_prompt:
            raise ConfigError("label_prompt", "has no effect for direction: forward; leave it out")
        self._check_judges()
        for key in ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"):
            if not getattr(self, key) > 0:
                raise ConfigError(key, f"must be above 0, not {getattr(self, key)}")
        if self.packing:
            raise ConfigError("packing", "is not supported: pairs are trained one a row")
        if not self.assistant_only_loss or not self.completion_only_loss:
            key = "completion_only_loss" if self.assistant_only_loss else "assistant_only_loss"
            raise ConfigError(key, "must stay true: the loss is on the answers alone")

    def _check_judges(self) -> None:
        prompts = ("filter_prompt", "score_prompt")
        if self.judge_data and self.direction == "backward":
            raise ConfigError("judge_data", "is for direction: forward; the label model judges nothing")
        for key in prompts:
            if self.judge_data and not getattr(self, key):
                raise ConfigError(key, "is required with judge_data")
            if getattr(self, key) and not self.judge_data:
                raise ConfigError(key, "has no effect without judge_data; leave it out")
