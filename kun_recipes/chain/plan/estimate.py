"""Each stage's work, put on the hardware there is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kun_recipes.chain.all_stages import STAGES
from kun_recipes.chain.plan.assumptions import Assumptions, load_assumptions
from kun_recipes.chain.plan.plan import Hardware, Plan, StageEstimate
from kun_recipes.chain.plan.sample import finished
from kun_recipes.chain.plan.units import devices, duration
from kun_recipes.chain.plan.work import Flow
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.time_limits import seconds_of
from kun_recipes.shipped import find_shipped


def load_plan(recipe: str | Path) -> Assumptions:
    """Read a recipe's plan.yaml. Raises ConfigError as `load_assumptions` does."""
    sections = {stage.plan_section: stage.assumptions for stage in STAGES.values() if stage.assumptions}
    return load_assumptions(find_shipped(f"{recipe}/plan.yaml"), sections)


def with_sample(known: Assumptions, corpus_folder: Path) -> Assumptions:
    """Return the assumptions with the rates that a small run measured in their place.

    Its seconds are left out: they hold its start-up, and nothing says on how many cores.

    Args:
        corpus_folder: of its corpus stage; the folders of other stages lie beside it, where those finished.

    Raises:
        UserError: the corpus stage is not finished, or kept no row.
    """
    corpus = finished(corpus_folder)
    if not corpus or "documents" not in corpus:
        raise UserError(
            f"{corpus_folder}: no finished corpus stage; run recipes/corpus.py with --max_documents there first"
        )
    sections = dict(known.sections)
    for stage in STAGES.values():
        folder = corpus_folder if stage.plan_section == "corpus" else corpus_folder.parent / stage.name
        if stage.plan_section and (summary := finished(folder)):
            sections[stage.plan_section] = stage.measured(summary, folder, sections[stage.plan_section])
    return replace(known, sections=sections)


def estimate(chain: Chain, known: Assumptions, sample: Path | None, hardware: Hardware) -> Plan:
    """Multiply out what each stage of a chain takes, by the formulas that the stages declare.

    Stages without assumptions are left out: they ask a model about a sample at most, whatever the corpus.

    Args:
        sample: folder of a finished corpus stage whose rates are taken.

    Raises:
        UserError: the speeds are those of GPUs and there are no GPUs, or a time limit cannot be read.
    """
    if known.device == "gpu" and not hardware.gpus:
        raise UserError(
            "plan.yaml has the speeds of GPUs, and there are no GPUs; give their number, by --slurm CLUSTER"
        )
    known = with_sample(known, sample) if sample else known
    flow = Flow(known, chain.run.seeds)
    planned = [stage for stage in chain.stages if stage.kind.assumptions]
    stages = tuple(_estimate_stage(stage, known, flow, hardware) for stage in planned)
    warnings: dict[str, list[str]] = {}
    for stage, estimated in zip(planned, stages, strict=True):
        for warning in _warnings(stage, estimated, flow):
            warnings.setdefault(warning, []).append(stage.name)
    return Plan(
        recipe=chain.run.output_dir,
        stages=stages,
        assumptions=tuple(known.named()),
        # stages of which the same is true share a line
        warnings=tuple(f"{', '.join(names)}: {warning}" for warning, names in warnings.items()),
        hardware=hardware,
        sample=str(sample) if sample else None,
    )


def _estimate_stage(stage: StageRun, known: Assumptions, flow: Flow, hardware: Hardware) -> StageEstimate:
    device, offered = _devices(stage, known, hardware)
    work = stage.kind.work(stage.config, known, flow, offered)
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


def _devices(stage: StageRun, known: Assumptions, hardware: Hardware) -> tuple[str, int]:
    if stage.kind.devices == "cores" or known.device == "core":
        return "core", hardware.cpu_workers
    of_training = hardware.training_gpus if stage.kind.devices == "training" else None
    return "GPU", of_training or hardware.gpus


def _warnings(stage: StageRun, estimated: StageEstimate, flow: Flow) -> Iterator[str]:
    """Yield what will not go as configured: a time limit that is too short, and what the stage itself says."""
    if estimated.time_limit is not None and estimated.seconds > estimated.time_limit:
        takes = f"{duration(estimated.seconds)} on {devices(estimated.devices, estimated.device)}"
        yield (
            f"{takes} does not fit its time limit of {duration(estimated.time_limit)}; "
            f"raise the limit, or give it more {estimated.device}s"
        )
    yield from stage.kind.warnings(stage.config, flow, estimated.devices, estimated.offered)
