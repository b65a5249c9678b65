"""The corpus stage's speed and memory, side by side in one run.

    python benchmarks/corpus.py
    python benchmarks/corpus.py --input <folder> --format wanjuan --data-juicer <python with py-data-juicer>

Megabytes are UTF-8 text; the whole stage and the blocks run without MinHash. Each measurement runs in a
separate process, one after the other, on the same file: a JSON-lines copy of the input, repeated up to --megabytes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpus_parts import MATERIAL, read_documents, write_material
from rich.console import Console
from rich.table import Table

DEMO = "recipes/demo/data/corpus/wanjuan"
ROUNDS = 3  # the fastest counts: these machines are noisy


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", nargs="+", default=[DEMO], help="corpus files or folders")
    parser.add_argument("--format", nargs="+", default=["wanjuan"], help="formats of the inputs, one each")
    parser.add_argument("--megabytes", type=float, default=8, help="megabytes of text to measure on")
    parser.add_argument("--model", default="recipes/demo/model.yaml", help="model whose tokenizer counts the tokens")
    parser.add_argument("--data-juicer", metavar="PYTHON", help="Python interpreter with py-data-juicer installed")
    parser.add_argument("--skip", nargs="*", default=[], choices=["workers", "memory"], help="parts to skip")
    return parser.parse_args()


def in_child(name: str, folder: Path, options: argparse.Namespace) -> dict:
    command = [sys.executable, "benchmarks/corpus_parts.py", name, str(folder), options.model]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def fastest(name: str, folder: Path, options: argparse.Namespace, rounds: int = ROUNDS) -> dict:
    runs = [in_child(name, folder, options) for _ in range(rounds)]
    return {key: min(run[key] for run in runs) for key in runs[0]}


def stage_command(config_overrides: dict[str, object]) -> list[str]:
    words = [
        [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
        for key, value in config_overrides.items()
    ]
    return [sys.executable, "recipes/corpus.py", *(word for pair in words for word in pair)]


def run_stage(folder: Path, inputs: list[Path], model: str, workers: int) -> tuple[float, float]:
    """Seconds and peak memory (MB) of the whole script, in a process of its own."""
    output = folder / f"run-{len(inputs)}-{workers}-{time.monotonic_ns()}"
    overrides = {
        "corpora": [f"{path},format=jsonl" for path in inputs], "output_dir": output, "model": model,
        "near_duplicates": False, "workers": workers,
    }  # fmt: skip
    begun = time.perf_counter()
    process = subprocess.Popen(stage_command(overrides), stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"recipes/corpus.py failed; the command was {' '.join(stage_command(overrides))}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def speed_table(seconds: dict[str, float], megabytes: float, documents: int) -> Table:
    table = Table(title=f"{megabytes:.1f} MB of text, {documents} documents, one core", title_justify="left")
    for column in ("", "seconds", "MB/s", "documents/s", "share of the whole stage"):
        table.add_column(column, justify="left" if not column else "right")
    for name, value in seconds.items():
        row = (f"{value:.2f}", f"{megabytes / value:.1f}", f"{documents / value:.0f}")
        table.add_row(name, *row, f"{value / seconds['whole stage']:.2f}")
    return table


def main() -> None:
    options = arguments()
    console = Console()
    documents = read_documents(options.input, options.format)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        megabytes = write_material(folder / MATERIAL, documents, options.megabytes)
        count = sum(1 for _ in (folder / MATERIAL).open("rb"))
        seconds = fastest("stage", folder, options) | fastest("limit", folder, options)
        seconds |= fastest("blocks", folder, options) | fastest("datatrove", folder, options, rounds=1)
        console.print(speed_table(seconds, megabytes, count))
        if options.data_juicer:
            command = [options.data_juicer, "benchmarks/corpus_data_juicer.py", str(folder / MATERIAL)]
            subprocess.run(command, check=True)
        if "workers" not in options.skip:
            compare_workers(folder, documents, options, console)
        if "memory" not in options.skip:
            compare_memory(folder, documents, options, console)


def compare_workers(folder: Path, documents: list, options: argparse.Namespace, console: Console) -> None:
    parts = [folder / f"part-{number}.jsonl" for number in range(4)]
    for part in parts:
        write_material(part, documents, 4 * options.megabytes)
    one, two = (min(run_stage(folder, parts, options.model, workers)[0] for _ in range(2)) for workers in (1, 2))
    console.print(
        f"{16 * options.megabytes:.0f} MB in four files: one worker {one:.1f} s, two {two:.1f} s, {one / two:.2f}×"
    )


def compare_memory(folder: Path, documents: list, options: argparse.Namespace, console: Console) -> None:
    peaks = {}
    for times in (1, 4, 16):
        write_material(folder / "grown.jsonl", documents, times * options.megabytes)
        peaks[times] = run_stage(folder, [folder / "grown.jsonl"], options.model, workers=1)[1]
    figures = ", ".join(f"{times}× {peak:.0f} MB ({peak / peaks[1]:.2f})" for times, peak in peaks.items())
    console.print(f"peak memory of the script on one file, by its size: {figures}")


if __name__ == "__main__":
    main()
