"""Where a datatrove pipeline runs: here, in processes that own their GPUs, or on Slurm."""

import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datatrove.executor import SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from kun_recipes.counts import Counts, read_counts
from kun_recipes.devices import check_enough
from kun_recipes.errors import UserError
from kun_recipes.workers import Workers, log_into


@dataclass(frozen=True)
class Executor:
    """What runs the tasks of a pipeline.

    Attributes:
        workers: processes on this machine, or jobs of the Slurm array.
        gpus: GPUs of each worker; none are shared out where there are none.
        tasks_a_worker: tasks that a worker of this machine runs at a time, in threads that share its model.
        slurm: None for this machine.
    """

    workers: int = 1
    gpus: int = 0
    tasks_a_worker: int = 1
    slurm: "SlurmOptions | None" = None


@dataclass(frozen=True)
class SlurmOptions:
    """What a job asks of Slurm.

    Attributes:
        time: limit, HH:MM:SS.
        memory_gb: GiB in all.
        tasks_per_job: tasks that a job runs one after another, with one loading of a model; None shares them out
            evenly among the workers.
    """

    partition: str
    time: str
    memory_gb: int
    cores: int = 1
    tasks_per_job: int | None = 1


def run_pipeline(
    pipeline: list[PipelineStep],
    logs: Path,
    tasks: int,
    executor: Executor | None = None,
    reads: Sequence[str] = (),
) -> Counts:
    """Run a pipeline, only the tasks that are not complete yet, and return its counts.

    Args:
        logs: datatrove's folder for completion markers, statistics and logs of this pipeline.
        tasks: number of tasks; each reads its own files, so that the rows do not depend on the number of workers.
        executor: None is one process on this machine. A model is loaded once in each process.
        reads: what each task reads, by name, for messages.

    Raises:
        UserError: a mistake of the user's that a block found, an engine that failed, or a Slurm job that did.
    """
    executor = executor or Executor()
    logs.mkdir(parents=True, exist_ok=True)
    with log_into(logs):
        if executor.slurm is None:
            check_enough(executor.workers, executor.gpus)
            local = Workers(
                pipeline, logs, tasks, executor.workers, executor.gpus, executor.tasks_a_worker, reads=reads
            )
            local.run()
        else:
            _run_on_slurm(pipeline, logs, tasks, executor, executor.slurm)
    return read_counts(logs, tasks)


def _run_on_slurm(pipeline: list[PipelineStep], logs: Path, tasks: int, executor: Executor, job: SlurmOptions) -> None:
    """Submit the tasks as a job array and wait for it."""
    if shutil.which("sbatch") is None:
        raise UserError("executor: slurm needs sbatch, which this machine does not have; choose executor: local")
    array = SlurmPipelineExecutor(
        pipeline,
        tasks=tasks,
        workers=executor.workers,
        tasks_per_job=job.tasks_per_job or math.ceil(tasks / executor.workers),
        gpus_per_task=executor.gpus,
        partition=job.partition,
        time=job.time,
        cpus_per_task=job.cores,
        mem_per_cpu_gb=math.ceil(job.memory_gb / job.cores),
        qos=None,
        job_name=f"kun-{logs.name}",
        logging_dir=str(logs.resolve()),
        venv_path=f"{sys.prefix}/bin/activate" if sys.prefix != sys.base_prefix else None,
        sbatch_args={"wait": ""},  # sbatch returns when the array has ended
    )
    failure = ""
    try:
        array.run()
    except subprocess.CalledProcessError as error:
        failure = f" (sbatch: exit code {error.returncode})"
    if incomplete := array.get_incomplete_ranks():
        raise UserError(
            f"{logs.name}: {len(incomplete)} of {tasks} Slurm tasks did not finish{failure}, the first is task"
            f" {incomplete[0]}; its log is in {logs}/slurm_logs; the same command goes on where they were"
        )
