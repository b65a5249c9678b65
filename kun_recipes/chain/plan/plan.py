"""A plan: what each stage takes on the hardware there is, and what that was computed from."""

from collections.abc import Mapping
from dataclasses import dataclass

from kun_recipes.chain.plan.assumptions import Assumption
from kun_recipes.chain.plan.work import Work


@dataclass(frozen=True)
class Hardware:
    """Hardware that the stages run on.

    Attributes:
        gpus: of a stage that labels or refines; 0 on a machine without.
        cpu_workers: cores of the corpus stage, and of every stage where plan.yaml's speeds are a core's.
        time_limits: by stage name, as D-HH:MM:SS or HH:MM:SS; None where none are known.
        training_gpus: of one training; None: as many as `gpus`.
        gpu, core: name of the devices; None where it is not known.
        gpu_memory_gb: of one GPU, 10^9 bytes; None where it is not known.
    """

    gpus: int
    cpu_workers: int
    time_limits: Mapping[str, str] | None = None
    training_gpus: int | None = None
    gpu: str | None = None
    core: str | None = None
    gpu_memory_gb: float | None = None


@dataclass(frozen=True)
class StageEstimate:
    """One line of the plan.

    Attributes:
        work: rows, tokens, device time and disk.
        device: "GPU" or "core".
        devices: how many it runs on.
        offered: how many the hardware has for it.
        seconds: wall time on those.
        time_limit: seconds; None if unknown.
    """

    name: str
    work: Work
    device: str
    devices: int
    offered: int
    seconds: float
    time_limit: int | None

    @property
    def device_hours(self) -> float:
        return self.work.device_seconds / 3600


@dataclass(frozen=True)
class Plan:
    """Plan of a run: the estimates, and the numbers that they were computed from.

    Attributes:
        assumptions: every number by its name, those of a sample in the place of plan.yaml's.
        warnings: what will not go as configured, a line each.
        sample: folder of the corpus sample, if there was one.
    """

    recipe: str
    stages: tuple[StageEstimate, ...]
    assumptions: tuple[tuple[str, Assumption], ...]
    warnings: tuple[str, ...]
    sample: str | None
