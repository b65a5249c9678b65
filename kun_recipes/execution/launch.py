"""Run a datatrove pipeline here, in processes that own their GPUs, or on Slurm."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datatrove.pipeline.base import PipelineStep

from kun_recipes.errors import UserError
from kun_recipes.execution.counts import Counts, read_counts
from kun_recipes.execution.devices import check_enough
from kun_recipes.execution.slurm.arrays import SlurmOptions, run_array
from kun_recipes.execution.workers import Workers, log_into


@dataclass(frozen=True)
class Executor:
    """Executor of a pipeline's tasks.

    Attributes:
        workers: processes on this machine, or jobs of the Slurm array.
        gpus: GPUs of each worker; ignored on a machine without GPUs.
        tasks_a_worker: tasks that a worker of this machine runs at a time, in threads that share its model.
        slurm: None for this machine.
    """

    workers: int = 1
    gpus: int = 0
    tasks_a_worker: int = 1
    slurm: SlurmOptions | None = None


def run_pipeline(
    pipeline: list[PipelineStep],
    logs: Path,
    tasks: int,
    executor: Executor | None = None,
    reads: Sequence[str] = (),
    first: int = 0,
) -> Counts:
    """Run a pipeline, only the tasks that are not complete yet, and return its counts.

    Args:
        logs: datatrove's folder for completion markers, statistics and logs of this pipeline.
        tasks: number of tasks; each reads its own files, so that the rows do not depend on the number of workers.
        executor: None: one process on this machine. A model is loaded once in each process.
        reads: what each task reads, by name, for messages.
        first: the first task that is run and counted; those before it an earlier run did, elsewhere.

    Raises:
        UserError: a mistake of the user's that a block found, an engine that failed, or a Slurm job that did.
    """
    executor = executor or Executor()
    logs.mkdir(parents=True, exist_ok=True)
    _mark_complete(logs, first)
    with log_into(logs):
        if executor.slurm is None:
            check_enough(executor.workers, executor.gpus)
            local = Workers(
                pipeline, logs, tasks, executor.workers, executor.gpus, executor.tasks_a_worker, reads=reads
            )
            local.run()
        else:
            if shutil.which("sbatch") is None:
                raise UserError(
                    "executor: slurm needs sbatch, which this machine does not have; choose executor: local"
                )
            run_array(pipeline, logs, tasks, executor.workers, executor.gpus, executor.slurm)
    return read_counts(logs, range(first, tasks))


def _mark_complete(logs: Path, first: int) -> None:
    """Leave datatrove's mark of a complete task for each of those before the first."""
    for rank in range(first):
        mark = logs / "completions" / f"{rank:05d}"
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
