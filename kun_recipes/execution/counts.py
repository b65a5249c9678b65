"""Counts of a pipeline. Every row that goes in is kept, or removed with a reason."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kun_recipes.errors import UserError
from kun_recipes.execution.usage import Used, read_used

LINES_REMOVED = "lines_removed"  # the statistic of the blocks that take lines out of documents
NOT_BEST = "not_best"  # the statistic of the blocks that keep one of several candidates for a row
OTHER_ROUNDS = "other_rounds"  # the statistic of the reader that leaves rows to other rounds


@dataclass
class Counts:
    """Counts of the rows of a pipeline.

    Attributes:
        read: rows or documents that its reader met, the unreadable ones included.
        rows_in: the same, but a document that was cut counts as its segments, and all candidates for a row as one.
        rows_out: rows that its last block wrote.
        removed: number of rows by reason, in the order of the blocks.
        lines_removed: lines and sentences that were taken out of documents which stayed.
        not_best: candidates other than the one chosen for each row; they are neither rows nor losses.
        other_rounds: rows that are left to other rounds, and not among those read.
        used: what its tasks used.
    """

    read: int = 0
    rows_in: int = 0
    rows_out: int = 0
    removed: Counter = field(default_factory=Counter)
    lines_removed: int = 0
    not_best: int = 0
    other_rounds: int = 0
    used: Used = field(default=Used(), compare=False)

    def then(self, following: "Counts") -> "Counts":
        """Return the counts of this pipeline and the one that reads what it wrote, as if they were one."""
        self.check("a pipeline")
        if following.rows_in != self.rows_out:
            raise RuntimeError(f"a pipeline wrote {self.rows_out} rows, but the next one read {following.rows_in}")
        lines, not_best = self.lines_removed + following.lines_removed, self.not_best + following.not_best
        others = self.other_rounds + following.other_rounds
        removed = self.removed + following.removed
        used = self.used + following.used
        return Counts(self.read, self.rows_in, following.rows_out, removed, lines, not_best, others, used)

    def check_measured(self, measured: "Counts") -> None:
        """Raise RuntimeError unless this pipeline selected among all rows that were read to be measured."""
        if self.rows_in != measured.read:
            raise RuntimeError(f"{measured.read} rows were read for measuring, but {self.rows_in} came back")

    def check(self, stage: str) -> None:
        """Raise RuntimeError when a row was neither kept nor removed with a reason."""
        removed = sum(self.removed.values())
        if self.rows_in != self.rows_out + removed:
            raise RuntimeError(f"{stage}: {self.rows_in} rows in, but {self.rows_out} kept and {removed} removed")


def sum_counts(parts: Iterable[Counts]) -> Counts:
    """Return the counts of pipelines that stand side by side."""
    total = Counts()
    for part in parts:
        total = Counts(
            total.read + part.read,
            total.rows_in + part.rows_in,
            total.rows_out + part.rows_out,
            total.removed + part.removed,
            total.lines_removed + part.lines_removed,
            total.not_best + part.not_best,
            total.other_rounds + part.other_rounds,
            total.used + part.used,
        )
    return total


def read_counts(logs: Path, ranks: Iterable[int]) -> Counts:
    """Sum the statistics that datatrove keeps for every completed task, of the tasks of these ranks."""
    steps: list[Counter] = []
    ranks = list(ranks)
    for rank in ranks:
        path = logs / "stats" / f"{rank:05d}.json"
        if not path.is_file():
            raise UserError(f"{path}: missing, although its task is complete; remove the folder of the stage")
        for position, step in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            if position == len(steps):
                steps.append(Counter())
            steps[position].update({name: int(_total(value)) for name, value in step["stats"].items()})
    read = steps[0]["total"] or steps[0]["documents"]  # CorpusReader's, or that of datatrove's own readers
    counts = Counts(read=read, rows_in=read, rows_out=steps[-1]["total"], used=read_used(logs, ranks))
    for step in steps:
        counts.lines_removed += step[LINES_REMOVED]
        counts.not_best += step[NOT_BEST]
        counts.other_rounds += step[OTHER_ROUNDS]
        counts.rows_in -= step[NOT_BEST]
        if step["segments"]:
            counts.rows_in += step["segments"] - step["documents"]
        for name, value in step.items():
            if name.startswith("dropped_"):
                counts.removed[name.removeprefix("dropped_")] += value
    return counts


def _total(value: dict | float) -> float:
    return value["total"] if isinstance(value, dict) else value
