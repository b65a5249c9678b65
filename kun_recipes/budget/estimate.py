"""A plan: each stage's work, put on the hardware there is."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kun_recipes.budget.checks import warnings_of
from kun_recipes.budget.figures import Figure, Figures
from kun_recipes.budget.sample import Sample, with_sample
from kun_recipes.budget.stages import Flow, Work, corpus_work, label_work, refine_work
from kun_recipes.budget.time_limits import seconds_of
from kun_recipes.budget.trainings import training_work
from kun_recipes.chain import Chain, StageRun
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.errors import UserError
from kun_recipes.stage_configs import LabelConfig, RefineConfig


@dataclass(frozen=True)
class Hardware:
    """What the stages run on.

    Attributes:
        gpus: of a stage that labels or refines; 0 on a machine without.
        cpu_workers: cores of the corpus stage, and of every stage where plan.yaml's speeds are a core's.
        time_limits: by stage name, as D-HH:MM:SS or HH:MM:SS; None where none are known.
        training_gpus: of one training; None: as many as `gpus`.
    """

    gpus: int
    cpu_workers: int
    time_limits: Mapping[str, str] | None = None
    training_gpus: int | None = None


@dataclass(frozen=True)
class StageEstimate:
    """One line of the plan.

    Attributes:
        work: rows, tokens, device time and disk.
        device: "GPU" or "core".
        devices: how many it runs on.
        offered: how many the hardware has for it.
        seconds: wall time on those.
        time_limit: seconds; None where none is known.
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
    """What a run will take, and what that was computed from.

    Attributes:
        assumptions: every figure by its name, those of a sample in the place of plan.yaml's.
        warnings: what will not go as configured, a line each.
        sample: folder of the corpus sample, if there was one.
    """

    recipe: str
    stages: tuple[StageEstimate, ...]
    assumptions: tuple[tuple[str, Figure], ...]
    warnings: tuple[str, ...]
    hardware: Hardware
    sample: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is unknown is null."""
        return {
            "recipe": self.recipe,
            "sample": self.sample,
            "hardware": asdict(self.hardware),
            "stages": [_plain(asdict(stage) | {"device_hours": stage.device_hours}) for stage in self.stages],
            "assumptions": [{"name": name, **asdict(figure)} for name, figure in self.assumptions],
            "warnings": list(self.warnings),
        }


def estimate(chain: Chain, figures: Figures, sample: Sample | None, hardware: Hardware) -> Plan:
    """Multiply out what each stage of a chain takes; the formulas are those of stages.py and trainings.py.

    Raises:
        UserError: the figures are of GPUs and there is none, or a time limit is none.
    """
    if figures.device == "gpu" and not hardware.gpus:
        raise UserError("plan.yaml has the speeds of GPUs, and there is none; give their number, by --slurm CLUSTER")
    figures = with_sample(figures, sample) if sample else figures
    flow = Flow(figures)
    stages = tuple(_estimate_stage(stage, figures, flow, hardware) for stage in chain.stages)
    return Plan(
        recipe=chain.run.output_dir,
        stages=stages,
        assumptions=tuple(figures.named()),
        warnings=tuple(warnings_of(chain, stages, flow)),
        hardware=hardware,
        sample=str(sample.folder) if sample else None,
    )


def _estimate_stage(stage: StageRun, figures: Figures, flow: Flow, hardware: Hardware) -> StageEstimate:
    device, offered = _devices(stage, figures, hardware)
    work = _work(stage, figures, flow, offered)
    used = work.devices or offered
    limit = (hardware.time_limits or {}).get(stage.name)
    return StageEstimate(
        name=stage.name,
        work=work,
        device=device,
        devices=used,
        offered=offered,
        seconds=work.device_seconds / used,
        time_limit=None if limit is None else seconds_of(limit),
    )


def _devices(stage: StageRun, figures: Figures, hardware: Hardware) -> tuple[str, int]:
    if isinstance(stage.config, CorpusConfig) or figures.device == "core":
        return "core", hardware.cpu_workers
    of_training = hardware.training_gpus if stage.kind.training else None
    return "GPU", of_training or hardware.gpus


def _work(stage: StageRun, figures: Figures, flow: Flow, devices: int) -> Work:
    works = {CorpusConfig: corpus_work, LabelConfig: label_work, RefineConfig: refine_work}
    if work := works.get(type(stage.config)):
        return work(stage.config, figures, flow)
    return training_work(stage.config, figures, flow, devices)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
