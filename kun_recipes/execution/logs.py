"""The messages of a process in its log, apart from those that the launchers add."""

import re
from collections.abc import Iterator
from pathlib import Path

_NUMBERED = re.compile(r"^\d+: ")  # srun's number of the task
_OTHERS = ("srun:", "slurmstepd", "error: *** ")
_REPORT_BEGINS = "torch/distributed/elastic/multiprocessing/api.py"
_RULE = re.compile(r"={20,}")
_RULES_IN_A_REPORT = 2


def last_message(log: Path) -> str:
    """Return the last line of a log that is neither Slurm's nor in the report of torch's launcher on a failure."""
    text = log.read_text(encoding="utf-8", errors="replace")
    message = ""
    for line in _without_reports(text.replace("\r", "\n").splitlines()):
        line = _NUMBERED.sub("", line).strip()
        if line and not line.startswith(_OTHERS):
            message = line
    return message or "nothing"


def _without_reports(lines: list[str]) -> Iterator[str]:
    rules = None  # seen in the report that is being skipped
    for line in lines:
        if _REPORT_BEGINS in line:
            rules = 0
        elif rules is None:
            yield line
        elif _RULE.search(line):
            rules += 1
            rules = None if rules == _RULES_IN_A_REPORT else rules
