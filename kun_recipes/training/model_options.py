"""Options of the model that a training starts from and of its adapters: TRL's ModelConfig, with our defaults."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from peft import LoraConfig
from transformers import BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available
from trl import ModelConfig, get_peft_config, get_quantization_config

from kun_recipes.config.options import option
from kun_recipes.config.types import ModelPath
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.models.hardware import fast_dtype
from kun_recipes.training.attention import Attention

ALL_LINEAR = "all-linear"
"""PEFT's word for every linear layer but the output's."""


@dataclass(kw_only=True)
class ModelOptions(ModelConfig):
    """The base model, the format in which it is loaded, and the adapters that are trained instead of its weights."""

    RENAMED: ClassVar[dict[str, str]] = {
        "model": "is now model_name_or_path",
        "attention": "is now attn_implementation",
        "lora_rank": "is now lora_r, with use_peft: true",
        "lora_targets": "is now lora_target_modules",
        "torch_dtype": "is now dtype",
    }
    """Options that had another name, here or in earlier releases of TRL, each with what to write now."""

    model_name_or_path: ModelPath = option(
        help="the base model: a folder, a Hub id or a .yaml model source", source="§4.1.1: Yi-6B"
    )
    model_revision: str | None = option(None, "commit of the base model, if it is a Hub id")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] | None = option(
        None, "format of the loaded weights; null: float32, or with adapters the fastest that the machine supports"
    )
    attn_implementation: Attention | None = option(
        None, "attention implementation; null: flash attention if a GPU and its package are available, else SDPA"
    )
    lora_r: int = option(16, "rank of the LoRA adapters, which use_peft: true trains instead of all weights", min=1)
    lora_alpha: int = option(32, "LoRA scale: the adapters' output is multiplied by alpha / rank", min=1)
    lora_target_modules: list[str] | None = option(
        None, f"linear layers with an adapter; [{ALL_LINEAR}]: all; null: PEFT's default for the architecture"
    )
    merge_adapters: bool = option(
        True, "merge the adapters into the base on save, so that any stage can load the model; false: save only them"
    )

    def __post_init__(self) -> None:
        # Not TRL's own: it makes a text of any single target, which PEFT reads as an expression for the whole name.
        every: Any = ALL_LINEAR
        if self.lora_target_modules == [ALL_LINEAR]:
            self.lora_target_modules = every

    @property
    def quantized(self) -> bool:
        """True if the base is loaded in four or eight bits (QLoRA)."""
        return bool(self.load_in_4bit or self.load_in_8bit)

    def check_model(self) -> None:
        """Raise ConfigError for combinations that cannot work."""
        path = self.model_name_or_path
        if self.model_revision and (Path(path).exists() or path.endswith(".yaml")):
            raise ConfigError("model_revision", "applies only to a Hub id; the model is a path")
        bits = "load_in_4bit" if self.load_in_4bit else "load_in_8bit"
        if self.load_in_4bit and self.load_in_8bit:
            raise ConfigError(bits, "load_in_8bit is also set; choose one of the two")
        if self.quantized and not self.use_peft:
            raise ConfigError(bits, "needs use_peft: true, because 4-bit and 8-bit weights cannot be trained")
        if not self.merge_adapters and not self.use_peft:
            raise ConfigError("merge_adapters", "has no effect without use_peft: true; remove it")

    def loaded_dtype(self) -> torch.dtype | Literal["auto"]:
        """Return the format in which the weights are loaded."""
        if self.dtype is None:
            return fast_dtype() if self.use_peft else torch.float32
        return "auto" if self.dtype == "auto" else getattr(torch, self.dtype)

    def adapters(self) -> LoraConfig | None:
        """Return PEFT's config of the adapters; None if all weights are trained."""
        return get_peft_config(self)

    def quantization(self) -> BitsAndBytesConfig | None:
        """Return the quantisation of the base; None if it keeps its weights.

        Raises UserError if bitsandbytes, which quantises, is not installed.
        """
        if not self.quantized:
            return None
        if not is_bitsandbytes_available():
            option = "load_in_4bit" if self.load_in_4bit else "load_in_8bit"
            raise UserError(
                f"{option}: needs the package bitsandbytes; run pip install bitsandbytes, or remove {option}"
            )
        found = get_quantization_config(self)
        if self.load_in_4bit:  # TRL takes the option's text, which may be null
            found.bnb_4bit_compute_dtype = fast_dtype() if self.dtype in (None, "auto") else self.loaded_dtype()
        return found
