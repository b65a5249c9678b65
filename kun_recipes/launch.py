"""Where a datatrove pipeline runs."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datatrove.utils.logging
from datatrove.executor import LocalPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.stats import PipelineStats

from kun_recipes.counts import Counts, read_counts
from kun_recipes.errors import UserError


@dataclass(frozen=True)
class Executor:
    """What runs the tasks of a pipeline.

    Attributes:
        workers: tasks at a time; processes on this machine, or jobs of the Slurm array.
        slurm: None for this machine.
    """

    workers: int = 1
    slurm: "SlurmOptions | None" = None


@dataclass(frozen=True)
class SlurmOptions:
    """What a task asks of Slurm: partition, time limit (HH:MM:SS), GiB of memory, and one core."""

    partition: str
    time: str
    memory_gb: int


def run_pipeline(pipeline: list[PipelineStep], logs: Path, tasks: int, executor: Executor | None = None) -> Counts:
    """Run a pipeline, only the tasks that are not complete yet, and return its counts.

    Args:
        logs: datatrove's folder for completion markers, statistics and logs of this pipeline.
        tasks: number of tasks; each reads its own files, so that the rows do not depend on the number of workers.
        executor: None is one process on this machine. A model is loaded once in each process.

    Raises:
        UserError: a mistake of the user's that a block found, or a Slurm job that failed.
    """
    executor = executor or Executor()
    logs.mkdir(parents=True, exist_ok=True)
    with _log_into(logs):
        if executor.slurm is None:
            local = _QuietExecutor(pipeline, tasks=tasks, workers=executor.workers, logging_dir=str(logs))
            local.run()
        else:
            _run_on_slurm(pipeline, logs, tasks, executor.workers, executor.slurm)
    return read_counts(logs, tasks)


def _run_on_slurm(pipeline: list[PipelineStep], logs: Path, tasks: int, workers: int, options: SlurmOptions) -> None:
    """Submit the tasks as a job array and wait for it."""
    if shutil.which("sbatch") is None:
        raise UserError("executor: slurm needs sbatch, which this machine does not have; choose executor: local")
    executor = SlurmPipelineExecutor(
        pipeline,
        tasks=tasks,
        workers=workers,
        partition=options.partition,
        time=options.time,
        mem_per_cpu_gb=options.memory_gb,
        qos=None,
        job_name=f"kun-{logs.name}",
        logging_dir=str(logs.resolve()),
        venv_path=f"{sys.prefix}/bin/activate" if sys.prefix != sys.base_prefix else None,
        sbatch_args={"wait": ""},  # sbatch returns when the array has ended
    )
    failure = ""
    try:
        executor.run()
    except subprocess.CalledProcessError as error:
        failure = f" (sbatch: exit code {error.returncode})"
    if incomplete := executor.get_incomplete_ranks():
        raise UserError(
            f"{logs.name}: {len(incomplete)} of {tasks} Slurm tasks did not finish{failure}, the first is task"
            f" {incomplete[0]}; its log is in {logs}/slurm_logs; the same command goes on where they were"
        )


class _QuietExecutor(LocalPipelineExecutor):
    """datatrove's local executor, whose worker processes log where this one does."""

    def _launch_run_for_rank(self, *arguments: Any, **options: Any) -> PipelineStats:
        with _log_into(Path(self.logging_dir.path)):
            return super()._launch_run_for_rank(*arguments, **options)


@contextlib.contextmanager
def _log_into(logs: Path) -> Iterator[None]:
    """Send what datatrove logs to the log folder instead of the terminal."""
    with (logs / "console.log").open("a", encoding="utf-8") as console:
        try:
            with contextlib.redirect_stderr(console):
                datatrove.utils.logging.setup_default_logger()
                yield
        finally:
            datatrove.utils.logging.setup_default_logger()
