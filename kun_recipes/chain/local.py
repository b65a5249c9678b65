"""Running stages on this machine, each in its own process; `recipes/run.py` is the command."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from kun_recipes.chain.kinds import REFINE
from kun_recipes.chain.stages import StageRun
from kun_recipes.data.folders import discard
from kun_recipes.errors import UserError
from kun_recipes.execution.logs import last_message
from kun_recipes.progress import SHOW_PROGRESS


def remove_from(selected: list[StageRun]) -> None:
    """Remove what the selected stages wrote, for a fresh run of them."""
    for stage in selected:
        discard(stage.folder)
        if stage.kind is REFINE:
            discard(Path(stage.config.dataset_dir))


def run_stage(stage: StageRun, log: Path, show: Callable[[str], None]) -> None:
    """Run one stage in its own process.

    Args:
        log: file that gets all it prints.
        show: called with its latest line, several times a second.

    Raises:
        UserError: the stage failed; with its own words if it gave any, and the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, SHOW_PROGRESS: "1", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(stage.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        for line in _lines(process.stdout):
            file.write(line.encode() + b"\n")
            file.flush()
            if line.strip():
                show(line.strip())
        code = process.wait()
    if code:
        raise UserError(f"{stage.name} failed (exit code {code}): {last_message(log)}\nits log: {log}")


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Lines of a process that also draws progress bars, which end in a carriage return."""
    rest = b""
    while chunk := stream.read1(65536):
        *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def elapsed(since: float) -> str:
    """Minutes and seconds since a `time.monotonic()`."""
    minutes, seconds = divmod(int(time.monotonic() - since), 60)
    return f"{minutes}:{seconds:02d}"
