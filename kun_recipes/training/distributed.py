"""Several processes that train one model: the batch they share, what their sharding allows, and which one prints."""

import os
import sys

from datasets import Dataset
from transformers import TrainingArguments

from kun_recipes.errors import ConfigError, UserError


def check_batch(global_batch: int | None, per_device: int, accumulation: int) -> None:
    """Raise ConfigError for batch options that cannot work with any number of processes."""
    if global_batch is None:
        return
    if accumulation != 1:
        raise ConfigError("gradient_accumulation_steps", "is set by global_batch_size; remove it")
    if per_device > 0 and global_batch % per_device:
        raise ConfigError(
            "global_batch_size", f"must be a multiple of per_device_train_batch_size: {per_device}, not {global_batch}"
        )


def share_batch(arguments: TrainingArguments, global_batch: int | None) -> None:
    """Set `gradient_accumulation_steps` so that all processes together update on `global_batch` conversations.

    Raises UserError if that is not a whole number of steps.
    """
    if global_batch is None:
        return
    together = arguments.world_size * arguments.per_device_train_batch_size
    if global_batch % together:
        raise UserError(
            f"global_batch_size: {global_batch} conversations cannot be divided evenly among "
            f"{arguments.world_size} processes with "
            f"per_device_train_batch_size: {arguments.per_device_train_batch_size}; change one of the three"
        )
    arguments.gradient_accumulation_steps = global_batch // together


def whole_updates(rows: Dataset, global_batch: int | None) -> Dataset:
    """Return the rows of an epoch, its first ones repeated where its last update would lack some.

    Otherwise each number of processes fills the last batch of an epoch in its own way.
    """
    if global_batch is None:
        return rows
    repeated = (index % len(rows) for index in range(-len(rows) % global_batch))
    return rows.select([*range(len(rows)), *repeated])


def check_sharding(use_peft: bool) -> None:
    """Refuse LoRA on sharded weights, where adapters cannot be merged into the base on save (UserError)."""
    for name, variable in {"FSDP": "ACCELERATE_USE_FSDP", "DeepSpeed": "ACCELERATE_USE_DEEPSPEED"}.items():
        if use_peft and os.environ.get(variable, "").lower() == "true":
            raise UserError(
                f"use_peft: true cannot be combined with {name}, because adapters cannot be merged into shards; "
                "use accelerate_configs/multi_gpu.yaml, or set use_peft: false"
            )


def print_status(line: str) -> None:
    """Print a line on stderr, in the first process alone."""
    if os.environ.get("RANK", "0") == "0":
        print(line, file=sys.stderr)
