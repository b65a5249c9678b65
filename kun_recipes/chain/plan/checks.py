"""What will not go as it is configured."""

from collections.abc import Iterator, Sequence
from typing import Any

from kun_recipes.chain import StageRun
from kun_recipes.chain.plan.plan import StageEstimate
from kun_recipes.chain.plan.stages import Flow
from kun_recipes.chain.plan.trainings import own_pairs
from kun_recipes.chain.plan.units import count, devices, duration


def warnings_of(planned: Sequence[StageRun], estimates: Sequence[StageEstimate], flow: Flow) -> list[str]:
    """A line for what outlasts its time limit, wants more rows than there will be, or leaves GPUs idle.

    Stages of which the same is true share a line.
    """
    names: dict[str, list[str]] = {}
    for stage, estimate in zip(planned, estimates, strict=True):
        for warning in _warnings(stage, estimate, flow):
            names.setdefault(warning, []).append(stage.name)
    return [f"{', '.join(stages)}: {warning}" for warning, stages in names.items()]


def _warnings(stage: StageRun, estimate: StageEstimate, flow: Flow) -> Iterator[str]:
    yield from _too_long(estimate)
    if stage.kind.training:
        yield from _too_few_rows(stage.config, flow)
        yield from _idle(estimate, stage.config)


def _too_long(estimate: StageEstimate) -> Iterator[str]:
    if estimate.time_limit is not None and estimate.seconds > estimate.time_limit:
        takes = f"{duration(estimate.seconds)} on {devices(estimate.devices, estimate.device)}"
        yield (
            f"{takes} does not fit its time limit of {duration(estimate.time_limit)}; "
            f"raise the limit, or give it more {estimate.device}s"
        )


def _too_few_rows(config: Any, flow: Flow) -> Iterator[str]:
    there = own_pairs(config, flow)
    if config.train_rows is not None and there < config.train_rows:
        yield (
            f"train_rows asks for {config.train_rows:,} rows; "
            f"{config.seeds} is expected to have {count(there)} to train on"
        )


def _idle(estimate: StageEstimate, config: Any) -> Iterator[str]:
    if estimate.devices < estimate.offered:
        yield (
            f"global_batch_size {config.global_batch_size} with {config.per_device_train_batch_size} "
            f"a GPU does not divide over {estimate.offered} GPUs; planned on {estimate.devices}"
        )
