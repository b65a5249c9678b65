"""A measurement in a process of its own, with its time: what it reports line by line is kept, however it ends."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

Report = Callable[[dict[str, Any]], None]
SECONDS_TO_DIE = 10.0
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # it would compile or download kernels, which greedy text does not need
}


def run_elsewhere(what: dict[str, Any], seconds: float, files: Path) -> Iterator[dict[str, Any]]:
    """Yield what a measurement reported; the last line has "failed" if it did not end well.

    Its processes are killed after `seconds`, and where this one is interrupted. Its words go to `files`.log.

    Args:
        what: for `gpu_measure.measure`.
        files: path of the log and the reports, without the ending.
    """
    reports, log = files.with_suffix(".jsonl"), files.with_suffix(".log")
    files.parent.mkdir(parents=True, exist_ok=True)
    reports.write_text("", encoding="utf-8")
    command = [sys.executable, str(Path(__file__).with_name("gpu_measure.py")), json.dumps(what), str(reports)]
    with log.open("w", encoding="utf-8") as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
            env=OFFLINE | os.environ | {"CUDA_VISIBLE_DEVICES": one_device(os.environ)},
        )
        why = ""
        try:
            code = process.wait(seconds)
            if code:
                why = f"the process ended with exit code {code}; see {log}"
        except subprocess.TimeoutExpired:
            why = f"not finished after {seconds:.0f} s; raise --minutes, or reduce the work; see {log}"
        finally:
            _kill(process)
    lines = [json.loads(line) for line in reports.read_text(encoding="utf-8").splitlines()]
    yield from lines
    if why and not any("failed" in line for line in lines):
        yield {"failed": why}


def one_device(environment: os._Environ[str] | dict[str, str]) -> str:
    """Return the first of the visible GPUs: one is measured, and the trainer would share out a batch among several."""
    return environment.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, and wait until they are gone: they hold the card's memory."""
    end = time.monotonic() + SECONDS_TO_DIE
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        while _is_alive(process.pid) and time.monotonic() < end:
            time.sleep(0.1)
    process.poll()


def _is_alive(group: int) -> bool:
    """Return whether a group has a running process; a zombie, listed without memory, does not count."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = file.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def write_reports(file: Path) -> Report:
    """Return a function that appends a line to the reports of this process."""

    def report(values: dict[str, Any]) -> None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(values, ensure_ascii=False) + "\n")

    return report


def in_one_line(error: BaseException) -> str:
    """Say an error in at most 300 characters; the trace goes to the log."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:300]


def peak_memory_gb() -> float:
    """Return the most memory (10^9 bytes) that this process had: of the card, or of the machine without one."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2)
