"""Submit a recipe to Slurm: one job per stage, each after the stages that it reads from, and only what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.scripts import Script, script
from kun_recipes.chain.graph import complete, needs, requires
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.arrays import in_file_pattern
from kun_recipes.execution.slurm.queue import Job, queue, submit


def check_folders(chain: Chain) -> None:
    """Raise UserError for a folder of the run in which Slurm cannot write logs."""
    for folder in (Path(chain.run.output_dir), *(stage.folder for stage in chain.stages)):
        in_file_pattern(folder.resolve())


@dataclass(frozen=True)
class Step:
    """Submission of one stage.

    Attributes:
        after: names of the stages that must end before it, of those that are not complete.
        may_fail: those of them that it can do without.
        script: its job's script; None for a stage that is complete.
        queued: its job, if it is in the queue already.
    """

    stage: StageRun
    after: tuple[str, ...]
    script: Script | None = None
    queued: Job | None = None
    may_fail: tuple[str, ...] = ()


def steps(
    chain: Chain, selected: Sequence[StageRun], cluster: ClusterConfig, recipe: str, queued: Mapping[str, Job]
) -> list[Step]:
    """Return what submitting each of the selected stages takes, in their order.

    Args:
        queued: jobs of stages in the queue, of `leading_jobs`.

    Raises:
        UserError: a selected stage reads from one that is neither complete, nor selected, nor in the queue.
    """
    coming = {stage.name for stage in selected} | queued.keys()
    finished = complete(chain.stages, coming)
    reads, required = needs(chain.stages), requires(chain.stages)
    found = []
    for stage in selected:
        after = tuple(name for name in reads[stage.name] if name not in finished)
        if stage.name in finished:
            found.append(Step(stage, ()))
            continue
        for name in after:
            if name not in coming:
                raise UserError(
                    f"{stage.name} reads from {name}, which is not complete; run it first, or submit it too "
                    "(--only, --from)"
                )
        may_fail = tuple(name for name in after if name not in required[stage.name])
        written = script(stage, cluster, recipe, chain.run.output_dir)
        found.append(Step(stage, after, written, queued.get(stage.name), may_fail))
    return found


def submit_all(todo: Sequence[Step], queued: Mapping[str, Job], tell: Callable[[str, str], None]) -> None:
    """Submit what is neither complete nor in the queue.

    Args:
        queued: jobs of stages in the queue, of `leading_jobs`.
        tell: called with a stage's name and what became of it.
    """
    ids = {name: job.id for name, job in queued.items()}
    for step in todo:
        name = step.stage.name
        if step.script is None:
            tell(name, "complete")
        elif step.queued:
            tell(name, f"job {step.queued.id} is already in the queue: {step.queued.state.lower()}")
        else:
            well = [ids[other] for other in step.after if other not in step.may_fail]
            ids[name] = submit(step.script.write(), well, [ids[other] for other in step.may_fail])
            tell(name, f"job {ids[name]}" + (f", after {', '.join(step.after)}" if step.after else ""))


def leading_jobs(stages: Sequence[StageRun]) -> dict[str, Job]:
    """Return the job of each stage that is in the queue, by the stage's name; jobs of its arrays are left out."""
    jobs = {job.folder: job for job in queue()}
    return {stage.name: jobs[stage.folder.resolve()] for stage in stages if stage.folder.resolve() in jobs}


def refuse_running(selected: Sequence[StageRun]) -> None:
    """Raise UserError when a job works for one of these stages, whose folder is about to be removed."""
    for job in queue():
        for stage in selected:
            if job.folder.is_relative_to(stage.folder.resolve()):
                raise UserError(f"{stage.name}: job {job.id} still works on it; run `scancel {job.id}` first")
