"""Slurm's own commands, and a tag in the comment field by which submitted jobs are found again.

The comment of a job is the folder that it works for, so that a later command finds it from any machine.
"""

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.errors import UserError

_MARK = "kun-recipes:"
_BETWEEN = "\x1f"
_FIELDS = ("%i", "%T", "%r", "%k")

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds between two looks into the queue; short jobs are not waited for long
_FAILURES = 20
"""Failed looks into the queue in a row before a stage is given up: a controller may be busy."""


@dataclass(frozen=True)
class Job:
    """A job in the queue, or one task of an array.

    Attributes:
        id: "123", or of an array's task "123_4".
        state: Slurm's word, such as PENDING or RUNNING.
        reason: why it waits.
        folder: what it works for, absolute: a stage, or the logs of one of its pipelines.
    """

    id: str
    state: str
    reason: str
    folder: Path


def mark(folder: Path) -> str:
    """Return the comment of a job that works for a folder."""
    return f"{_MARK}{folder.resolve()}"


def queue() -> list[Job]:
    """Return our jobs in the queue, an array's tasks one by one."""
    output = call(["squeue", "--me", "--array", "--noheader", f"--format={_BETWEEN.join(_FIELDS)}"])
    rows = (line.strip().split(_BETWEEN) for line in output.splitlines() if line.count(_BETWEEN) == 3)
    ours = ((row, Path(comment.removeprefix(_MARK))) for *row, comment in rows if comment.startswith(_MARK))
    return [Job(id, state, reason, folder) for (id, state, reason), folder in ours]


def jobs_of(folder: Path) -> list[Job]:
    """Return the jobs in the queue that work for this very folder."""
    return [job for job in queue() if job.folder == folder.resolve()]


def wait_for(folder: Path) -> None:
    """Wait until no job works for the folder any more. Raises UserError when Slurm does not answer for long."""
    pause, failures = _FIRST_WAIT, 0
    while failures < _FAILURES:
        try:
            if not jobs_of(folder):
                return
            failures = 0
        except UserError:
            failures += 1
        time.sleep(pause)
        pause = min(1.2 * pause, _LONGEST_WAIT)
    jobs_of(folder)


def submit(script: Path, dependencies: Sequence[str], ended: Sequence[str] = ()) -> str:
    """Submit a script that begins once its dependencies have ended, and return its job id.

    Args:
        dependencies: jobs that must end well.
        ended: jobs that may fail.
    """
    kinds = {"afterok": dependencies, "afterany": ended}
    conditions = [":".join([kind, *jobs]) for kind, jobs in kinds.items() if jobs]
    after = [f"--dependency={','.join(conditions)}"] if conditions else []
    return call(["sbatch", "--parsable", "--kill-on-invalid-dep=yes", *after, str(script)]).strip().partition(";")[0]


def call(command: list[str]) -> str:
    """Return the output of a Slurm command. Raises UserError with Slurm's message if it fails."""
    if shutil.which(command[0]) is None:
        raise UserError(f"{command[0]}: not found; this machine cannot submit Slurm jobs")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise UserError(f"{command[0]} failed: {said}")
    return done.stdout
