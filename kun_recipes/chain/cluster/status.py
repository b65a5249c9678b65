"""Status of a recipe on Slurm, read from the folders and the queue; no other state is kept."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from kun_recipes.chain.graph import requires
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.execution.logs import last_message
from kun_recipes.execution.slurm.queue import Job, queue

DONE, FAILED, NOT_SUBMITTED = "complete", "failed", "not submitted"


@dataclass(frozen=True)
class Status:
    """One stage.

    Attributes:
        job: id of its latest job; "" if it has none.
        state: "complete", "failed", "not submitted", or Slurm's word for its job, in small letters.
        done: shards or steps, or rows kept.
        note: why it waits, or what its arrays are doing.
        log: of a stage that failed.
    """

    stage: str
    job: str
    state: str
    done: str = ""
    note: str = ""
    log: Path | None = None


def statuses(chain: Chain) -> list[Status]:
    """Return every stage of a chain, in its order."""
    jobs = queue()
    reads = requires(chain.stages)
    cut_off: set[str] = set()
    found = []
    for stage in chain.stages:
        status = _status(stage, jobs, Path(chain.run.output_dir, "slurm"))
        broken = [name for name in reads[stage.name] if name in cut_off]
        if status.state == NOT_SUBMITTED and broken:
            status = replace(status, note=f"reads from {broken[0]}")
        if status.state == FAILED or broken:
            cut_off.add(stage.name)
        found.append(status)
    return found


def show_statuses(found: list[Status], console: Console) -> None:
    """Print one line per stage, then the last message and the log of each stage that failed."""
    table = Table(Column("stage", no_wrap=True), "job", "state", "done", "note")
    for status in found:
        style = {DONE: "green", FAILED: "red"}.get(status.state, "")
        table.add_row(status.stage, status.job, Text(status.state, style), status.done, Text(status.note))
    console.print(table)
    for status in found:
        if status.state == FAILED and status.log:
            console.print(Text(f"{status.stage} failed: {last_message(status.log)}\n  its log: {status.log}"))


def _status(stage: StageRun, jobs: list[Job], scripts: Path) -> Status:
    log = _last_log(stage, scripts)
    last = log.stem.rpartition("-")[2] if log else ""
    if why := stage.left_out:
        return Status(stage.name, last, DONE, note=why)
    folder = stage.folder.resolve()
    leading = next((job for job in jobs if job.folder == folder), None)
    if leading is None and (summary := stage.summary()):
        return Status(stage.name, last, DONE, f"{summary['rows_kept']:,} rows", f"{summary['seconds']:,.0f} s")
    arrays = [job for job in jobs if job.folder != folder and job.folder.is_relative_to(folder)]
    if leading:
        waits = "" if leading.reason == "None" else leading.reason
        note = _arrays(arrays) if arrays else waits
        return Status(stage.name, leading.id, leading.state.lower(), stage.kind.progress(stage.folder), note)
    if arrays:
        return Status(
            stage.name,
            "",
            "running",
            stage.kind.progress(stage.folder),
            f"{_arrays(arrays)}, without the job that leads them",
        )
    if log:
        return Status(stage.name, last, FAILED, stage.kind.progress(stage.folder), log=log)
    return Status(stage.name, "", NOT_SUBMITTED, stage.kind.progress(stage.folder))


def _last_log(stage: StageRun, scripts: Path) -> Path | None:
    logs = [path for path in scripts.glob(f"{stage.name}-*.log") if path.stem.rpartition("-")[0] == stage.name]
    return max(logs, key=lambda path: int(path.stem.rpartition("-")[2]), default=None)


def _arrays(jobs: list[Job]) -> str:
    states = [job.state.lower() for job in jobs]
    return f"{jobs[0].folder.name}: " + ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
