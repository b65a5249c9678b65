"""One call of the command: its clock, its processes one after another, and what they reported."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gpu_parts import Run
from gpu_processes import run_elsewhere
from gpu_results import Measured

from kun_recipes.errors import UserError

SHORTEST = 20.0
"""Seconds below which a run is not begun."""
PLANNED = 0.85
"""Share of its time that a run plans with: the rest is for its end."""
MODEL_SHARE = 0.2


class Session:
    """Measurements of a session, and whether all went well.

    Args:
        folder: of the models and logs.
        minutes: for everything.
        tiny: a rehearsal: a training ends as soon as it can.
    """

    def __init__(self, folder: Path, minutes: float, tiny: bool):
        self.folder, self.tiny = folder, tiny
        self.end = time.monotonic() + 60 * minutes
        self.found: list[Measured] = []
        self.failed = False

    def look(self) -> dict[str, Any]:
        """Return what the machine has. Another process looks: one that uses the card holds some of its memory.

        Raises UserError where there is no GPU, unless this is a rehearsal.
        """
        found = list(self._run("looking at the machine", {"kind": "machine"}, 120))
        if not found:
            raise UserError("torch does not start on this machine")
        if not found[0]["on_gpu"] and not self.tiny:
            raise UserError(
                "torch finds no GPU; docs/gpus.md lists the drivers and versions; --tiny tries the script on a CPU"
            )
        return found[0]

    def make_models(self, family: str, sizes: Sequence[float]) -> dict[float, Path]:
        """Return the folder of each model that exists or could be made."""
        made = {}
        for size in sizes:
            folder = self.folder / "models" / f"{family}-{size:g}"
            what = {"kind": "model", "asked": [family, size, str(folder)]}
            if list(self._run(f"making {folder.name}", what, max(SHORTEST, MODEL_SHARE * self._left()))):
                made[size] = folder
        return made

    def measure(self, runs: Sequence[Run]) -> None:
        """Do the runs; what one leaves of its time is shared by those behind it."""
        rows: dict[str, int] = {}
        for number, run in enumerate(runs):
            seconds = self._left() * run.share / sum(other.share for other in runs[number:])
            if seconds < SHORTEST:
                self._fail(run.name, "no time is left; raise --minutes, or select fewer parts with --only")
                continue
            until = 0.0 if self.tiny else time.time() + PLANNED * seconds
            for line in self._run(run.name, run.what(until, rows), seconds):
                self.found.append({"way": run.way, "parameters": run.parameters, **line})
                if line["task"] != "training":
                    rows.setdefault(line["task"], line["rows"])
                print(f"  {line['task']}: {line['rows']:,} rows in {line['seconds']:.1f} s", flush=True)

    def _run(self, name: str, what: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
        """Yield what a process reported; say what failed."""
        print(f"{name}: at most {seconds:.0f} s", flush=True)
        file = "".join(letter if letter.isalnum() else "-" for letter in name)
        for line in run_elsewhere(what, seconds, self.folder / "logs" / file):
            if "failed" in line:
                self._fail(f"{name}, {line['task']}" if "task" in line else name, line["failed"])
            else:
                yield line

    def _fail(self, name: str, why: str) -> None:
        self.failed = True
        print(f"{name}: failed: {why}", flush=True)

    def _left(self) -> float:
        return self.end - time.monotonic()
