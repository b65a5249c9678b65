"""Use that tasks made of the hardware: time, tokens, memory and the device; each task leaves a file in the logs."""

import functools
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from datatrove.utils.stats import PipelineStats

from kun_recipes.data.atomic import write_json

FOLDER = "used"
LOADING, TOKENS = "model_loading_seconds", "model_tokens"
"""Statistics of blocks that ask a model."""


@dataclass(frozen=True)
class Used:
    """Resources that work used.

    Attributes:
        device: its name, of one of the devices.
        kind: "gpu" or "core".
        devices: that worked for these seconds.
        seconds: of all tasks together, one after another; without loading a model.
        tokens: that models read and wrote.
        peak_memory_gb: 10^9 bytes, of the GPU with most; without GPUs of the process with most.
    """

    device: str | None = None
    kind: Literal["gpu", "core"] = "core"
    devices: int = 1
    seconds: float = 0.0
    tokens: int = 0
    peak_memory_gb: float = 0.0

    def __add__(self, other: "Used") -> "Used":
        if not self.seconds:
            return other
        return Used(
            self.device,
            self.kind,
            self.devices,
            self.seconds + other.seconds * other.devices / self.devices,
            self.tokens + other.tokens,
            max(self.peak_memory_gb, other.peak_memory_gb),
        )

    def summary(self) -> dict[str, object]:
        """Return it for a stage's summary; empty if no work was measured."""
        if not self.seconds:
            return {}
        return {"used": {**asdict(self), "seconds": round(self.seconds, 2), "tokens": self.tokens or None}}


def of_this_process(seconds: float, tokens: int, gpus: int = 0) -> Used:
    """Return what this process used for some work.

    Args:
        gpus: that the work had, where there are any.
    """
    torch = sys.modules.get("torch") if tokens or gpus else None  # only who asks a model has imported it for work
    if gpus and torch and torch.cuda.is_available():
        free, of_device = torch.cuda.mem_get_info()
        peak = torch.cuda.max_memory_allocated() or of_device - free  # the latter where another process has the model
        return Used(torch.cuda.get_device_name(), "gpu", gpus, seconds, tokens, round(peak / 1e9, 2))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cores = torch.get_num_threads() if torch and tokens else 1
    return Used(processor(), "core", cores, seconds, tokens, round(peak / 1e9, 2))


@functools.cache
def processor() -> str:
    """Return the name of this machine's processor."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown processor")


def run_noted(task: Callable[[], PipelineStats], logs: Path, rank: int, gpus: int, sharing: int = 1) -> PipelineStats:
    """Run a task of a pipeline, and note what it used.

    Args:
        sharing: tasks at a time that share the process and its devices.
    """
    begun = time.perf_counter()
    stats = task()
    if stats.stats:  # a task that was complete already has none
        counted = {name: sum(block[name].total for block in stats.stats) for name in (LOADING, TOKENS)}
        seconds = (time.perf_counter() - begun - counted[LOADING]) / sharing
        write_json(_file(logs, rank), asdict(of_this_process(seconds, int(counted[TOKENS]), gpus)))
    return stats


def read_used(logs: Path, ranks: Iterable[int]) -> Used:
    """Return the sum of what tasks of these ranks used."""
    notes = (_file(logs, rank) for rank in ranks)
    return sum((Used(**json.loads(note.read_text(encoding="utf-8"))) for note in notes if note.is_file()), Used())


def _file(logs: Path, rank: int) -> Path:
    return logs / FOLDER / f"{rank:05d}.json"
