"""Each stage's work, put on the hardware there is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from kun_recipes.chain.all_stages import STAGES
from kun_recipes.chain.plan.assumptions import UNMEASURED, Assumptions, load_assumptions
from kun_recipes.chain.plan.measured import BY_ROWS, Measured, measured_stages, speeds
from kun_recipes.chain.plan.plan import Hardware, Plan, StageEstimate
from kun_recipes.chain.plan.sample import finished
from kun_recipes.chain.plan.units import devices, duration, size
from kun_recipes.chain.plan.work import Flow
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.time_limits import seconds_of
from kun_recipes.shipped import find_shipped

USABLE_SHARE = 0.9
"""Part of a GPU's memory that can be filled, as vLLM fills it; the rest goes to contexts, exchange and gaps."""


def load_plan(recipe: str | Path) -> Assumptions:
    """Read a recipe's plan.yaml. Raises ConfigError as `load_assumptions` does."""
    sections = {stage.plan_section: stage.assumptions for stage in STAGES.values() if stage.assumptions}
    return load_assumptions(find_shipped(f"{recipe}/plan.yaml"), sections)


def with_sample(known: Assumptions, corpus_folder: Path) -> Assumptions:
    """Return the assumptions with the rates that a small run measured in their place.

    Args:
        corpus_folder: of its corpus stage; the folders of other finished stages are next to it.

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


def estimate(
    chain: Chain,
    known: Assumptions,
    sample: Path | None,
    hardware: Hardware,
    measured: Sequence[Measured] = (),
    selected: Sequence[StageRun] | None = None,
) -> Plan:
    """Multiply out what each stage of a chain takes, by what was measured and by the formulas that the stages declare.

    Stages without assumptions are left out: they ask a model about a sample at most, whatever the corpus.

    Args:
        sample: folder of a finished corpus stage whose rates are taken, and whose run's speeds join `measured`.
        selected: the stages that the plan is about; what they read, the others say. None: all.

    Raises:
        UserError: the recipe runs on GPUs and there are no GPUs, or a time limit cannot be read.
    """
    if known.device == "gpu" and not hardware.gpus:
        raise UserError("the recipe needs GPUs, but no GPU is available; use a cluster with GPUs: --slurm CLUSTER")
    if sample:
        known, measured = with_sample(known, sample), [*sample_speeds(sample), *measured]
    parameters = known.model.parameters.number
    found = speeds(measured, "core", hardware.core, parameters)
    if known.device == "gpu":
        on_cores = {stage: speed for stage, speed in found.items() if stage in BY_ROWS}
        found = speeds(measured, "gpu", hardware.gpu, parameters) | on_cores
    known = replace(known, speeds={**known.speeds, **found}, sharded=_sharded(chain))
    flow = Flow(known, chain.run.seeds)
    planned = [stage for stage in chain.stages if stage.kind.is_planned()]
    estimated_stages = [(stage, _estimate_stage(stage, known, flow, hardware)) for stage in planned]
    shown = [pair for pair in estimated_stages if selected is None or pair[0] in selected]
    warnings: dict[str, list[str]] = {}
    for stage, estimated in shown:
        for warning in _warnings(stage, estimated, flow, hardware):
            warnings.setdefault(warning, []).append(stage.name)
    return Plan(
        recipe=chain.run.output_dir,
        stages=tuple(estimated for _, estimated in shown),
        assumptions=tuple(known.named()),
        # stages of which the same is true share a line
        warnings=tuple(f"{', '.join(names)}: {warning}" for warning, names in warnings.items()),
        sample=str(sample) if sample else None,
    )


def sample_speeds(corpus_folder: Path) -> list[Measured]:
    """Return what the finished stages of a sample run used."""
    folders: dict[str, list[Path]] = {"corpus": [corpus_folder]}
    for stage in STAGES.values():
        if stage.plan_section not in ("", "corpus"):
            folders.setdefault(stage.plan_section, []).append(corpus_folder.parent / stage.name)
    return measured_stages(folders, f"sample {corpus_folder.parent}")


def _sharded(chain: Chain) -> bool:
    """Return whether the launch configuration shards a training over its GPUs, by FSDP or DeepSpeed's ZeRO."""
    return read_yaml_mapping(chain.run.accelerate_config).get("distributed_type") in ("FSDP", "DEEPSPEED")


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


def misfits(recipe: str | Path, chain: Chain, hardware: Hardware, selected: Sequence[StageRun]) -> Iterator[str]:
    """Yield a line for each of the selected stages that needs more memory than the GPUs have."""
    if hardware.gpus and hardware.gpu_memory_gb and Path(find_shipped(f"{recipe}/plan.yaml")).is_file():
        for stage in estimate(chain, load_plan(recipe), None, hardware, selected=selected).stages:
            if misfit := _misfit(stage, hardware):
                yield f"{stage.name}: {misfit}"


def _misfit(estimated: StageEstimate, hardware: Hardware) -> str | None:
    """Return the warning about a stage that the memory of the GPUs is too small for; None if it is not."""
    needed, there = estimated.work.gpu_bytes or 0, (hardware.gpu_memory_gb or math.inf) * 1e9
    if needed <= USABLE_SHARE * there:
        return None
    return (
        f"needs {size(needed)} on each of {devices(estimated.devices, estimated.device)}, but only "
        f"{size(USABLE_SHARE * there)} of {size(there)} can be used; give it more GPUs, or larger ones"
    )


def _warnings(stage: StageRun, estimated: StageEstimate, flow: Flow, hardware: Hardware) -> Iterator[str]:
    """Yield what will not go as configured: memory or time that is too short, and what the stage itself says."""
    if misfit := _misfit(estimated, hardware):
        yield misfit
    if estimated.work.speed is UNMEASURED:
        yield "speed unknown: measure it with benchmarks/gpu.py, or use the speeds of your own run (--sample)"
    if estimated.time_limit is not None and estimated.seconds > estimated.time_limit:
        takes = f"{duration(estimated.seconds)} on {devices(estimated.devices, estimated.device)}"
        yield (
            f"{takes} does not fit its time limit of {duration(estimated.time_limit)}; "
            f"raise the limit, or give it more {estimated.device}s"
        )
    yield from stage.kind.warnings(stage.config, flow, estimated.devices, estimated.offered)
