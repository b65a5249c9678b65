"""Running stages on this machine, each in its own process; `recipes/run.py` is the command."""

import io
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kun_recipes.chain.graph import complete, inputs_there, needs, requires
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.rows import refuse_shortage
from kun_recipes.data.folders import discard
from kun_recipes.errors import UserError
from kun_recipes.execution.logs import last_message
from kun_recipes.progress import SHOW_PROGRESS


def remove_from(selected: Sequence[StageRun]) -> None:
    """Remove what the selected stages wrote, for a fresh run of them."""
    for stage in selected:
        for folder in sorted(stage.written(), key=lambda folder: len(folder.parts), reverse=True):  # the inner first
            discard(folder, stage.kind.writes if folder == stage.folder else ())


def check_before(chain: Chain, selected: Sequence[StageRun], fresh: bool = False) -> None:
    """Raise UserError before any work for what a later stage would refuse: a missing engine, an input, too few rows.

    Args:
        fresh: whether complete stages are run again, too.
    """
    found = set() if fresh else complete(chain.stages, {stage.name for stage in selected})
    for stage in selected:
        if stage.name not in found:
            stage.kind.check(stage.config)
            try:
                stage.kind.check_inputs(stage.config, inputs_there(stage, chain.stages))
            except UserError as error:
                raise UserError(f"{stage.name}: {error}") from error
    refuse_shortage(chain, selected)


def run_here(
    chain: Chain,
    selected: Sequence[StageRun],
    console: Console,
    prepare: Callable[[StageRun], None] | None = None,
) -> UserError | None:
    """Run what is missing, one stage after the other.

    Args:
        prepare: called with each stage that is about to run.

    Returns:
        What kept stages from their end that the others can do without, such as a final model, or publish.

    Raises:
        UserError: another stage failed.
    """
    logs = Path(chain.run.output_dir, "logs")
    width = max(len(stage.name) for stage in chain.stages)
    reads, required = needs(chain.stages), {name for names in requires(chain.stages).values() for name in names}
    folders = {stage.name: stage.folder for stage in chain.stages}
    failed: dict[str, UserError] = {}
    for stage in selected:
        begun, state = time.monotonic(), "complete"
        if why := stage.left_out:
            console.print(f"{stage.name:{width}} {why}", highlight=False, markup=False)
            continue
        gone = set(failed)
        if stage.kind.optional:
            gone |= {one.name for one in chain.stages if one.left_out}
        if missing := [name for name in reads[stage.name] if name in gone]:
            stage.go_without([folders[name] for name in missing])
        if not stage.complete:
            state = "done"
            if stage.kind.devices == "training":
                refuse_shortage(chain, selected)  # what is finished by now tells more than before the run
            if prepare:
                prepare(stage)
            try:
                _run_shown(stage, logs / f"{stage.name}.log", width, console)
            except UserError as error:
                if stage.name in required:
                    raise
                failed[stage.name] = error
                console.print(f"{stage.name:{width}} {elapsed(begun):>6}  failed", highlight=False, markup=False)
                continue
        summary = stage.summary()
        if summary is None:
            raise UserError(f"{stage.name} ended without writing its summary; its log: {logs / f'{stage.name}.log'}")
        counts = f"{summary['rows_in']} rows in, {summary['rows_kept']} kept"
        console.print(f"{stage.name:{width}} {elapsed(begun):>6}  {state}: {counts}", highlight=False, markup=False)
    return UserError("\n".join(map(str, failed.values()))) if failed else None


def _run_shown(stage: StageRun, log: Path, width: int, console: Console) -> None:
    begun = time.monotonic()
    with console.status(stage.name) as status:

        def show_line(line: str) -> None:
            # as Text, for a stage's own brackets are no markup
            status.update(Text(f"{stage.name:{width}} {elapsed(begun)}  {line[: console.width - width - 12]}"))

        run_stage(stage, log, show_line)


def run_stage(stage: StageRun, log: Path, show: Callable[[str], None]) -> None:
    """Run one stage in its own process.

    Args:
        log: file that gets all it prints.
        show: called with its latest line, several times per second.

    Raises:
        UserError: the stage failed; with its own words if it gave any, and the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, SHOW_PROGRESS: "1", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(stage.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        assert isinstance(process.stdout, io.BufferedReader)  # a pipe was asked for
        for line in _lines(process.stdout):
            file.write(line.encode() + b"\n")
            file.flush()
            if line.strip():
                show(line.strip())
        code = process.wait()
    if code:
        raise UserError(f"{stage.name} failed (exit code {code}): {last_message(log)}\nits log: {log}")


def _lines(stream: io.BufferedReader) -> Iterator[str]:
    """Yield lines of a process that also draws progress bars, which end in a carriage return."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def elapsed(since: float) -> str:
    """Return minutes and seconds since a `time.monotonic()`."""
    minutes, seconds = divmod(int(time.monotonic() - since), 60)
    return f"{minutes}:{seconds:02d}"
