"""Terms in which stages estimate their work: rows, tokens, device time and disk."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.config.shared import SEEDS
from kun_recipes.models.engines.settings import MAX_BATCH_TOKENS
from kun_recipes.models.options import EngineConfig
from kun_recipes.shipped import find_shipped


@dataclass(frozen=True)
class Rows:
    """Rows that a stage reads: how many, and the mean tokens of one's texts (instruction and output, or segment)."""

    count: float
    tokens: float


UNKNOWN_ROWS = Rows(math.nan, math.nan)


@dataclass(frozen=True)
class Work:
    """Work of a stage. NaN is unknown, None does not apply.

    Attributes:
        device_seconds: of all devices together.
        disk_bytes: that stay once the stage is finished.
        scratch_bytes: that are there besides while it runs.
        speed: by which the time was computed where it was measured; None: a formula.
        gpu_bytes: of each GPU's memory, at most.
        devices: how many it can use at most; None: all.
        steps: updates of a training.
    """

    rows_in: float
    rows_out: float | None
    tokens_read: float | None
    tokens_written: float | None
    device_seconds: float
    disk_bytes: float
    scratch_bytes: float = 0
    speed: Assumption | None = None
    gpu_bytes: float | None = None
    devices: int | None = None
    steps: float | None = None


class Flow:
    """Rows of a chain, by folder.

    Args:
        seeds: path of the recipe's seeds, which plan.yaml calls "seeds".
    """

    def __init__(self, known: Assumptions, seeds: str | None = None):
        self._written: dict[Path, Rows] = {}
        names = {SEEDS: seeds or SEEDS}
        self._outside = {
            find_shipped(names.get(item.name, item.name)): Rows(item.rows.number, item.tokens.number)
            for item in known.outside
        }

    def write(self, folder: str, rows: Rows) -> None:
        self._written[Path(folder)] = rows

    def read(self, name: str) -> Rows:
        """Return the rows below a folder that a stage writes, or of that name in plan.yaml; unknown if of neither."""
        inside = (rows for folder, rows in self._written.items() if Path(name).is_relative_to(folder))
        return next(inside, self._outside.get(name, UNKNOWN_ROWS))


def at_most(value: float, limit: float) -> float:
    """Return the smaller of the two; unknown where the value is."""
    return limit if value > limit else value


def asking(config: EngineConfig, known: Assumptions, stage: str, **parts: float) -> dict[str, Any]:
    """Return the time, the speed and the memory of a stage that asks a model.

    device time = tokens / speed of the stage, or, where that was not measured, the sum of its parts' own
    gpu memory  = parameters x bytes of one / tensor_parallel, + keys and values of max_batch_tokens tokens
                  = 2 x layers x kv_width x bytes

    Args:
        parts: tokens read and written, by the measured work that they are like: "label", "judge", "polish".
    """
    if config.engine == "openai":
        return {"device_seconds": math.nan}  # a server's time is not counted
    speed = known.speed(stage)
    if speed.value is None:
        asked = {part: known.speed(part) for part, tokens in parts.items() if tokens}
        speed = min(asked.values(), key=lambda one: one.value is not None, default=speed)  # one unknown, all unknown
        seconds = sum(parts[part] / one.number for part, one in asked.items())
    else:
        seconds = sum(parts.values()) / speed.number
    one, model = 4 if config.dtype == "float32" else 2, known.model
    batch_tokens = config.max_batch_tokens or MAX_BATCH_TOKENS
    cached = 2 * model.layers.number * model.kv_width.number * batch_tokens
    gpu_bytes = one * (model.parameters.number + cached) / config.tensor_parallel
    return {"device_seconds": seconds, "speed": speed, "gpu_bytes": gpu_bytes if known.device == "gpu" else None}
