"""A datatrove pipeline as Slurm job arrays: submitted, waited for, and found again after this process was killed."""

import copy
import math
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
from datatrove.executor import SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.stats import PipelineStats

from kun_recipes.errors import UserError
from kun_recipes.execution.logs import last_message
from kun_recipes.execution.slurm.queue import jobs_of, mark, wait_for
from kun_recipes.execution.usage import run_noted

REQUEUE_SIGNAL = "USR1"
REQUEUE_SECONDS = 120
"""Before its time limit a job gets the signal so much earlier, and queues itself again; Slurm looks twice a minute."""


_UNFIT = re.compile(r"[\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class SlurmOptions:
    """Resources that the jobs of an array request from Slurm.

    Attributes:
        time: limit, in one of Slurm's forms.
        memory_gb: GiB in all.
        tasks_per_job: tasks that a job runs one after another; None shares them out evenly.
        jobs_a_worker: jobs to share them out among, for each worker: with one, a model is loaded once; with more, a
            long task holds up few others.
        extra: further options of sbatch, "name=value" or "name" each.
        setup: lines of shell before Python starts.
    """

    partition: str
    time: str
    memory_gb: int
    cores: int = 1
    tasks_per_job: int | None = None
    jobs_a_worker: int = 4
    account: str | None = None
    qos: str | None = None
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()


class _Array(SlurmPipelineExecutor):
    """datatrove's, without its last job, which adds up statistics: `read_counts` does.

    The tasks of one job have blocks of their own: blocks count, and a task that began with the counts of the one
    before would report rows twice. Paths are quoted in the script, whatever a folder is called.
    """

    def get_sbatch_args(self, max_array: int = 1) -> dict:
        asked = super().get_sbatch_args(max_array)
        log = f"{in_file_pattern(self.slurm_logs_folder)}/%A_%a.out"
        return {
            name: shlex.quote(str(value)) for name, value in {**asked, "output": log, "error": log}.items() if value
        } | {name: value for name, value in asked.items() if not value}

    def get_launch_file_contents(self, sbatch_args: dict, run_script: str) -> str:
        pickled = self.logging_dir.resolve_paths("executor.pik")
        return super().get_launch_file_contents(sbatch_args, run_script.replace(pickled, shlex.quote(pickled)))

    def launch_merge_stats(self) -> None:
        pass

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> PipelineStats:
        task = copy.copy(self)
        task.pipeline = copy.deepcopy(self.pipeline)
        logs, run = Path(self.logging_dir.path), super(_Array, task)._run_for_rank
        return run_noted(lambda: run(rank, local_rank, node_rank), logs, rank, self.gpus_per_task)


def run_array(
    pipeline: list[PipelineStep], logs: Path, tasks: int, workers: int, gpus: int, options: SlurmOptions
) -> None:
    """Run what is missing of a pipeline as a job array, and wait for it.

    An array that an earlier process submitted for the same folder is waited for first: two tasks never write a shard.

    Args:
        workers: jobs at a time.
        gpus: GPUs of each job.

    Raises:
        UserError: a task did not finish; with the last line of its log.
    """
    if jobs_of(logs):
        # sys.stderr is datatrove's log while a pipeline runs: see launch.py
        print(f"{logs.name}: waiting for the jobs of an earlier run of this stage", file=sys.__stderr__)
        wait_for(logs)
    array = _Array(
        pipeline,
        tasks=tasks,
        workers=workers,
        tasks_per_job=options.tasks_per_job or math.ceil(tasks / (workers * options.jobs_a_worker)),
        gpus_per_task=gpus,
        partition=options.partition,
        time=options.time,
        cpus_per_task=options.cores,
        mem_per_cpu_gb=math.ceil(options.memory_gb / options.cores),
        qos=options.qos,
        job_name=f"kun-{logs.name}",
        logging_dir=str(logs.resolve()),
        env_command="\n".join([*options.setup, *activation()]),
        requeue_signals=(f"SIG{REQUEUE_SIGNAL}",),
        # a step does not inherit its job's cores
        srun_args={"cpus-per-task": options.cores},
        sbatch_args={
            "comment": mark(logs),
            "signal": f"{REQUEUE_SIGNAL}@{REQUEUE_SECONDS}",
            "open-mode": "append",
            **({"account": options.account} if options.account else {}),
            **dict(word.partition("=")[::2] for word in options.extra),
        },
    )
    try:
        array.run()
    except subprocess.CalledProcessError as error:
        raise UserError(f"{logs.name}: sbatch refused the jobs (exit code {error.returncode}; see above)") from error
    wait_for(logs)
    if incomplete := array.get_incomplete_ranks():
        raise UserError(
            f"{logs.name}: {len(incomplete)} of {tasks} Slurm tasks did not finish; the first is task"
            f" {incomplete[0]}{_last_message(logs, incomplete[0], array.tasks_per_job)}; run the same"
            " command again to resume"
        )


def activation() -> list[str]:
    """Return the line of shell that makes a job use this Python; none outside a virtual environment."""
    return [f"source {shlex.quote(f'{sys.prefix}/bin/activate')}"] if sys.prefix != sys.base_prefix else []


def in_file_pattern(path: str | Path) -> str:
    """Return a path as it stands in an option of sbatch that knows %j and the like.

    Raises UserError for one that sbatch cannot read: a backslash switches %j off, and an option ends with its line.
    """
    if unfit := _UNFIT.search(str(path)):
        raise UserError(f"{path}: Slurm cannot write logs into a folder with {unfit[0]!r} in its name; use another")
    return str(path).replace("%", "%%")


def _last_message(logs: Path, rank: int, tasks_per_job: int) -> str:
    """Return the last message of a task's job and the path of its log, as the end of a sentence."""
    asked = logs / "ranks_to_run.json"
    ranks = orjson.loads(asked.read_bytes()) if asked.is_file() else []
    if rank not in ranks:
        return f"; its log is in {logs}/slurm_logs"
    found = list((logs / "slurm_logs").glob(f"*_{ranks.index(rank) // tasks_per_job}.out"))
    if not found:
        return ", which never started"
    log = max(found, key=lambda path: path.stat().st_mtime)
    return f"; its last message: {last_message(log)} (its log: {log})"
