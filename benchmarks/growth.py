"""Growth of time, memory, scratch space and files with the input.

    python benchmarks/growth.py [--only corpus duplicates rows] [--megabytes 4] [--million 1 4 16]

*corpus* runs the corpus stage on 1x, 4x and 16x of generated text in 4, 16 and 64 files: sentences of the repository,
drawn at random so that deduplication keeps them. *duplicates* finds duplicates among generated signatures and digests
with the blocks of the stage. *rows* plans label and refine and selects among measured rows, without a model.

Seconds are CPU seconds (user and system) of a process and its children; other jobs do not count. *corpus* includes the
start-up and also shows the time per extra megabyte; the other two exclude the start-up.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

TIMES = (1, 4, 16)
FILES = 4  # of the smallest corpus
MODEL_FILE = "recipes/demo/model.yaml"
MADE, MEASURED = "benchmarks/growth_parts.py", "benchmarks/growth_rows.py"
LOOK_SECONDS = 0.5
PARTS = ("corpus", "duplicates", "rows")


@dataclass
class Usage:
    """Resources of a command.

    Attributes:
        seconds: of a processor.
        memory: peak, in megabytes of 10^6 bytes.
        scratch: most bytes that lay in the folder, in megabytes.
        files: most files that lay in it.
        largest: most files that lay in one folder.
    """

    seconds: float
    wall: float
    memory: float
    scratch: float = 0
    files: int = 0
    largest: int = 0


def measure(command: list[str], folder: Path | None = None) -> Usage:
    """Run a command and watch a folder while it runs.

    A process begins with the peak memory of the one that it comes from: this one imports little.
    """
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = files = largest = 0
    while True:
        done, status, used = os.wait4(process.pid, os.WNOHANG if folder else 0)
        if done:
            break
        sizes, here, most = look(folder) if folder else (0, 0, 0)
        scratch, files, largest = max(scratch, sizes), max(files, here), max(largest, most)
        time.sleep(LOOK_SECONDS)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    wall = time.perf_counter() - begun
    seconds = used.ru_utime + used.ru_stime
    found = Usage(seconds, wall, used.ru_maxrss * 1024 / 1e6, scratch / 1e6, files, largest)
    print(*command[:2], found, file=sys.stderr, flush=True)
    return found


def look(folder: Path) -> tuple[int, int, int]:
    """Return the bytes in scratch, the files below a folder, and the files in the fullest folder of it."""
    size = files = largest = 0
    for root, _, names in os.walk(folder):
        files, largest = files + len(names), max(largest, len(names))
        if "/scratch" in root:
            size += sum(size_of(os.path.join(root, name)) for name in names)
    return size, files, largest


def size_of(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:  # removed since it was listed
        return 0


def run(script: str, part: str, folder: Path, *numbers: int) -> Usage:
    return measure([script, part, str(folder), *map(str, numbers)])


def start_of(script: str) -> Usage:
    """Return what a process takes before it begins."""
    with tempfile.TemporaryDirectory() as name:
        return run(script, "nothing", Path(name))


def corpus(megabytes: float) -> Table:
    names = ("text", "files", "segments", "kept", "seconds", "per extra MB", "wall seconds", "memory", "scratch")
    table = new_table("corpus stage, one worker", *names, "most files in one folder", "files in total")
    before: Usage | None = None
    for times in TIMES:
        summary, used = run_corpus(times * FILES, megabytes / FILES)
        more = (used.seconds - before.seconds) / (megabytes * times * 3 / 4) if before else None
        table.add_row(
            f"{times * megabytes:,.1f} MB",
            f"{times * FILES}",
            f"{summary['rows_in']:,}",
            f"{summary['rows_kept']:,}",
            f"{used.seconds:,.0f}",
            f"{more:.2f}" if more is not None else "",
            f"{used.wall:,.0f}",
            ratio(used.memory, before and before.memory, "MB"),
            ratio(used.scratch, before and before.scratch, "MB"),
            ratio(used.largest, before and before.largest),
            ratio(used.files, before and before.files),
        )
        before = used
    return table


def run_corpus(files: int, megabytes: float) -> tuple[dict[str, Any], Usage]:
    """Return the summary of the corpus stage on so many made files, and what it used."""
    with tempfile.TemporaryDirectory() as name:
        text, output = Path(name, "text"), Path(name, "output")
        run(MADE, "corpus", text, files, round(megabytes * 1000))
        command = ["recipes/corpus.py", "--corpora", f"{text},format=jsonl", "--model", MODEL_FILE]
        used = measure([*command, "--output_dir", str(output)], output)
        return json.loads((output / "stage.json").read_bytes()), used


def duplicates(millions: list[int]) -> Table:
    start = start_of(MADE)
    names = ("step", "rows", "seconds", "microseconds per row", "memory", "bytes per row")
    table = new_table("duplicates among generated rows", *names)
    steps = {
        "pairs, one of 14 bands": ("signatures", "pairs"),
        "clusters, one task": ("signatures", "clusters"),
        "exact, one of 16 buckets": ("digests", "duplicates"),
    }
    for million in millions:
        rows = million * 1_000_000
        with tempfile.TemporaryDirectory() as name:
            for made in ("signatures", "digests"):
                run(MADE, made, Path(name), rows)
            for title, (_, step) in steps.items():
                used = run(MADE, step, Path(name))
                seconds, memory = used.seconds - start.seconds, used.memory - start.memory
                table.add_row(
                    title,
                    f"{rows:,}",
                    f"{seconds:,.1f}",
                    f"{seconds / million:,.2f}",
                    f"{memory:,.0f} MB",
                    f"{memory / million:,.0f}",
                )
    return table


def by_rows(counts: list[int]) -> Table:
    start = start_of(MEASURED)
    table = new_table("label and refine without a model", "step", "rows", "seconds", "ms per 1,000 rows", "memory")
    for rows in counts:
        with tempfile.TemporaryDirectory() as name:
            run(MEASURED, "measured", Path(name), rows)
            for step in ("plan label", "plan refine", "select label", "select refine"):
                used = run(MEASURED, step, Path(name))
                seconds = used.seconds - start.seconds
                memory = f"{used.memory - start.memory:,.0f} MB"
                table.add_row(step, f"{rows:,}", f"{seconds:,.1f}", f"{seconds / rows * 1e6:,.0f}", memory)
    return table


def ratio(value: float, before: float | None, unit: str = "") -> str:
    written = f"{value:,.0f} {unit}".strip()
    return written if before is None else f"{written} (×{value / before:.2f})"


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == "step" else "right")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--megabytes", type=float, default=4, help="megabytes of text of the smallest corpus")
    parser.add_argument(
        "--million",
        type=int,
        nargs="+",
        default=[1, 4, 16],
        help="millions of generated rows in which to find duplicates",
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[10_000, 100_000], help="number of rows for label and refine"
    )
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    if "corpus" in options.only:
        console.print(corpus(options.megabytes))
    if "duplicates" in options.only:
        console.print(duplicates(options.million))
    if "rows" in options.only:
        console.print(by_rows(options.rows))


if __name__ == "__main__":
    main()
