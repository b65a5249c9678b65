"""Drop the rows that a comparison of all files found."""

from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.deduplication.found import read_found
from kun_recipes.data import schema


class DropRows(BaseFilter):
    """Drop the rows of the task's file that are listed in `found`; the value is the id of the copy that stays.

    Must read the same rows in the same order, with the same rank, as the step that noted them.

    Args:
        found: what `FindExactDuplicates` or `ClusterNearDuplicates` found.
        reason: "duplicate" or "near_duplicate".
        exclusion_writer: where dropped rows go.
    """

    name = "👯 drop duplicates"

    def __init__(self, found: str | Path, reason: str, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.found = Path(found)
        self.reason = reason

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        self._row = -1
        self._drops: Iterator[tuple[int, str]] = read_found(self.found, rank)
        self._next = next(self._drops, None)
        yield from super().run(data, rank, world_size)
        if self._next is not None:
            raise RuntimeError(f"{self.found}: row {self._next[0]} of task {rank} is to drop, which read fewer rows")

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        self._row += 1
        if self._next is None or self._row != self._next[0]:
            return True
        doc.metadata[schema.VALUE] = self._next[1]
        self._next = next(self._drops, None)
        return False, self.reason
