"""Time, memory and checkpoints of a training on GPUs, where none was measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kun_recipes.chain.plan.assumptions import AssumedShare, Assumption, ModelSize
from kun_recipes.chain.plan.work import at_most

if TYPE_CHECKING:  # it imports torch
    from kun_recipes.training.options import TrainingOptions

FORWARD, BACKWARD = 2, 4
"""Operations per parameter and token; activations recomputed in the backward pass cost a second forward."""

EXCHANGES, EXCHANGED_BYTES = 3, 2
"""Of sharded weights in bf16: gathered forward and backward, and the gradients scattered (FSDP, ZeRO-3)."""

STATE_BYTES, ADAPTED_BYTES = 16, 2
LAYER_BYTES, LOGIT_BYTES = 34, 8
"""Bytes per parameter; bytes per token and unit of an activation's width, and per entry of the vocabulary."""


@dataclass(frozen=True)
class ComputedSpeed:
    """Values from which the speed of a training on GPUs is computed.

    Attributes:
        peak_flops: floating-point operations per second that the maker states of one GPU for the number format.
        utilisation_share: of that peak, what a training reaches, recomputed activations counted as work.
        gpus_per_node: GPUs that the faster link joins.
        link_bytes_per_second: into a GPU, from the others of its node.
        network_bytes_per_second: into a node, from the others.
    """

    peak_flops: Assumption
    utilisation_share: AssumedShare
    gpus_per_node: Assumption
    link_bytes_per_second: Assumption
    network_bytes_per_second: Assumption


def step_seconds(
    of: ComputedSpeed, parameters: float, tokens: float, gpus: int, passes: float, checkpointing: bool
) -> float:
    """Return time of one update: that of its computation, or that of the exchange of weights, whichever is longer.

    computation = tokens x parameters x (2 forward + 4 backward, + 2 with gradient checkpointing)
                  / (gpus x peak_flops x utilisation_share)
    exchange    = passes x 3 x parameters x 2 bytes / link_bytes_per_second, or network_bytes_per_second on more
                  GPUs than gpus_per_node; none on one GPU

    Args:
        tokens: of the update.
        passes: forward and backward passes that it is accumulated from.
    """
    operations = tokens * parameters * (FORWARD + BACKWARD + (FORWARD if checkpointing else 0))
    computation = operations / (gpus * of.peak_flops.number * of.utilisation_share.number)
    if gpus == 1:
        return computation
    speed = of.link_bytes_per_second if gpus <= of.gpus_per_node.number else of.network_bytes_per_second
    exchange = passes * EXCHANGES * parameters * EXCHANGED_BYTES / speed.number
    return exchange if math.isnan(exchange) else max(exchange, computation)


def training_bytes(config: "TrainingOptions", model: ModelSize, shards: int) -> float:
    """Return memory of one GPU, at most.

    states      = parameters x 16 bytes (weights, gradients and Adam's two moments in fp32), or x 2 under adapters,
                  by the GPUs over which they are sharded; and two layers' weights in bf16, gathered there
    activations = tokens x width x (34 bytes x layers; with gradient checkpointing 2 x layers + 34, of the layer at
                  work: Korthikanti et al. 2022, without attention's matrix)
                  + tokens x vocabulary x 8 (logits and their gradients)
    tokens      = per_device_train_batch_size x max_length
    """
    parameters, layers = model.parameters.number, model.layers.number
    states = parameters * (ADAPTED_BYTES if config.use_peft else STATE_BYTES) / shards
    gathered = 2 * EXCHANGED_BYTES * parameters / layers if shards > 1 else 0
    of_layers = 2 * layers + LAYER_BYTES if config.gradient_checkpointing else LAYER_BYTES * layers
    tokens = config.per_device_train_batch_size * (config.max_length or math.nan)
    return states + gathered + tokens * (model.width.number * of_layers + model.vocabulary.number * LOGIT_BYTES)


def batch_rows(config: "TrainingOptions", devices: int) -> int:
    """Return rows in one update."""
    if config.global_batch_size is not None:
        return config.global_batch_size
    return config.per_device_train_batch_size * config.gradient_accumulation_steps * devices


def usable_devices(config: "TrainingOptions", devices: int) -> int:
    """Return the most devices, of those there are, over which the global batch can be divided."""
    if config.global_batch_size is None:
        return devices
    each = config.per_device_train_batch_size
    return next((some for some in range(devices, 1, -1) if config.global_batch_size % (some * each) == 0), 1)


def unshared_batch(config: "TrainingOptions", used: int, offered: int) -> Iterator[str]:
    """Yield a warning if the global batch leaves GPUs without work."""
    if used < offered:
        yield (
            f"global_batch_size {config.global_batch_size} with {config.per_device_train_batch_size} "
            f"per GPU cannot be divided over {offered} GPUs; planned on {used}"
        )


def checkpoints_kept(config: "TrainingOptions", steps: float, seconds: float) -> float:
    """Return the most checkpoints on disk at a time: those kept, and the one that is being written."""
    if config.use_peft or (config.save_strategy == "no" and not config.save_minutes):
        return 0
    if config.save_minutes:
        made = seconds // (60 * config.save_minutes)
    else:
        made = steps // config.save_steps if config.save_steps >= 1 else 1 // config.save_steps
    return made if config.save_total_limit is None else at_most(made, config.save_total_limit + 1)


def round_up(value: float) -> float:
    """Return the next whole number, and NaN, which is not known, as it is."""
    return value if math.isnan(value) else math.ceil(value)
