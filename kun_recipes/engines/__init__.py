"""Engines: how a folder with a language model becomes something that writes, chooses and scores."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kun_recipes.engines.base import Engine
from kun_recipes.errors import UserError


@dataclass(frozen=True)
class EngineSettings:
    """Which model to load and how.

    Args:
        engine: "transformers" runs on a CPU or one GPU.
        model: folder of a Hugging Face model with a tokenizer and its chat template.
        dtype: number format of the weights; "auto" is bfloat16 where the processor multiplies it fast, else float32.
        max_batch_tokens: tokens that the keys and values of one batch may hold, padding included. It bounds memory:
            8192 are 0.1 GB of keys and values for Qwen2.5-0.5B in bfloat16, 0.5 GB for Yi-6B.
    """

    engine: Literal["transformers"]
    model: str
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    max_batch_tokens: int = 8192


@functools.cache
def load_engine(settings: EngineSettings) -> Engine:
    """The engine for `settings`; a model is loaded once a process.

    Raises UserError when the folder is no model that can chat, or when torch is not installed.
    """
    folder = Path(settings.model)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json; give the folder of a model in the Hugging Face format")
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError("this engine needs torch; install it: pip install 'kun-recipes[generate]'") from error
    from kun_recipes.engines.transformers import TransformersEngine

    return TransformersEngine(folder, settings.dtype, settings.max_batch_tokens)
