"""Rows spread over any number of files, and what the steps of deduplication leave of them."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.deduplication import (
    ClusterNearDuplicates,
    DigestRows,
    DropRows,
    FindExactDuplicates,
    NearDuplicateSettings,
    NoteSignatures,
    signature_pairs,
)

BUCKETS = 3
SETTINGS = NearDuplicateSettings()


@dataclass
class Spread:
    """Rows in files, one per task, in reading order."""

    files: list[list[Document]]
    folder: Path

    def run(self, step: PipelineStep) -> list[Document]:
        """All rows that pass the step, which every task runs over a file of its own."""
        tasks = len(self.files)
        return [row for rank in range(tasks) for row in list(step.run(iter(self.fresh(rank)), rank, tasks) or [])]

    def fresh(self, rank: int) -> list[Document]:
        return [Document(row.text, row.id, metadata=dict(row.metadata)) for row in self.files[rank]]

    def find_exact(self) -> Path:
        self.run(DigestRows(self.folder / "digests", BUCKETS))
        for bucket in range(BUCKETS):
            FindExactDuplicates(self.folder / "digests", self.folder / "exact").run(None, bucket, BUCKETS)
        return self.folder / "exact"

    def find_near(self, settings: NearDuplicateSettings = SETTINGS, tasks_a_band: int = 1) -> Path:
        exact = self.folder / "exact"
        rows = DropRows(exact, "duplicate").run if exact.is_dir() else lambda read, *_: read
        for rank in range(len(self.files)):
            left = rows(iter(self.fresh(rank)), rank, len(self.files))
            NoteSignatures(self.folder / "signatures", settings).run(left, rank, len(self.files))
        pairs = signature_pairs(self.folder / "signatures", self.folder / "pairs", settings)
        tasks = settings.buckets * tasks_a_band
        for rank in range(tasks):
            pairs.run(None, rank, tasks)
        folders = (self.folder / name for name in ("pairs", "signatures", "near", "exact"))
        ClusterNearDuplicates(*folders).run()
        return self.folder / "near"

    def kept(self, found: Path, reason: str = "duplicate") -> list[str]:
        return [row.id for row in self.run(DropRows(found, reason))]


@pytest.fixture
def spread(tmp_path: Path) -> Callable[..., Spread]:
    """Share texts out over a number of files, in order; the ids are n0, n1, ..."""

    def share_out(texts: list[str], tasks: int = 1) -> Spread:
        rows = [Document(text, id=f"n{number}") for number, text in enumerate(texts)]
        bounds = [len(rows) * rank // tasks for rank in range(tasks + 1)]
        files = [rows[start:end] for start, end in itertools.pairwise(bounds)]
        return Spread(files, tmp_path / f"{tasks}-tasks")

    return share_out


@pytest.fixture
def prose() -> Callable[..., str]:
    """Text of any length without repetition, another one for every seed."""

    def write(seed: int, characters: int = 300) -> str:
        drawn = random.Random(seed).choices(range(0x4E00, 0x4E00 + 3000), k=characters)
        return "".join(chr(code) + "，" * (place % 12 == 11) for place, code in enumerate(drawn)) + "。"

    return write
