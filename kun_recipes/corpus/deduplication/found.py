"""Rows to drop: files of them, each with the id of the copy that stays, and the block that drops them.

    <notes>/ids/<rank>.ids            the ids of all rows, in order, 24 bytes each
    <found>/<rank>/<part>.drop        the rows to drop, in order: 4 bytes the row, 24 bytes the id of the copy kept

A row has a place: its file's rank in the upper half of 64 bits, its number in the file in the lower half, so that
places are ordered as rows are read.
"""

import heapq
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.data.atomic import whole_or_not_at_all

ID_BYTES = 24  # as long as the ids of segments; longer ones are cut, they are here for people
DROP = struct.Struct(f"<I{ID_BYTES}s")
DROP_RECORD = np.dtype([("row", "<u4"), ("kept", f"S{ID_BYTES}")])
ROW_BITS = np.uint64(32)
ROW_MASK = np.uint64(2**32 - 1)
DROPS_AT_ONCE = 1024  # records of a file in memory


def places_of(rank: int | np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places of rows by the rank of their file (one rank, or one per row), uint64."""
    return np.asarray(rank).astype(np.uint64) << ROW_BITS | rows.astype(np.uint64)


def open_ids(notes: Path, rank: int) -> BinaryIO:
    """Open the file for the ids of a task's rows."""
    path = notes / "ids" / f"{rank:05d}.ids"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def write_id(file: BinaryIO, row_id: str) -> None:
    file.write(row_id.encode()[:ID_BYTES].ljust(ID_BYTES, b"\0"))


def write_found(found: Path, part: str, dropped: np.ndarray, kept: np.ndarray, notes: Path) -> None:
    """Write the places to drop, each with the copy that stays: a file per rank, named after the part that found them.

    Memory: some 60 bytes per row dropped.
    """
    order = np.argsort(dropped)
    dropped, kept = dropped[order], kept[order]
    records = np.empty(len(dropped), DROP_RECORD)
    records["row"] = dropped & ROW_MASK
    records["kept"] = _look_up(kept, notes)
    for rank, here in _by_rank(dropped):
        path = found / f"{rank:05d}" / f"{part}.drop"
        path.parent.mkdir(parents=True, exist_ok=True)
        records[here].tofile(path)


def rename_kept(found: Path, dropped: np.ndarray, kept: np.ndarray, notes: Path) -> None:
    """Replace, in the results of an earlier step, copies that are dropped now by the copies that stay.

    Args:
        found: files of an earlier step, whose rows to drop stay what they are.
        dropped: places of rows in the later step.
        kept: for each the place of the row that stays.
        notes: ids of the later step.
    """
    gone, stays = _look_up(dropped, notes), _look_up(kept, notes)
    order = np.argsort(gone)
    gone, stays = gone[order], stays[order]
    for path in sorted(found.glob("*/*.drop")):
        records = np.fromfile(path, DROP_RECORD)
        place = np.minimum(np.searchsorted(gone, records["kept"]), len(gone) - 1)
        renamed = gone[place] == records["kept"]
        if renamed.any():
            records["kept"][renamed] = stays[place[renamed]]
            with whole_or_not_at_all(path) as partial:
                records.tofile(partial)


def read_found(found: Path, rank: int) -> Iterator[tuple[int, str]]:
    """Yield the rows of one file to drop, in order, each with the id of the copy that stays; streamed."""
    files = sorted((found / f"{rank:05d}").glob("*.drop"))
    for row, kept in heapq.merge(*map(_read_drops, files)):
        yield row, kept.rstrip(b"\0").decode(errors="ignore")


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
            problem = f"row {self._next[0]} of task {rank} is a duplicate, but the task read fewer rows"
            raise RuntimeError(f"{self.found}: {problem}")

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        self._row += 1
        if self._next is None or self._row != self._next[0]:
            return True
        doc.metadata[schema.VALUE] = self._next[1]
        self._next = next(self._drops, None)
        return False, self.reason


def _read_drops(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        while chunk := file.read(DROP.size * DROPS_AT_ONCE):
            yield from DROP.iter_unpack(chunk)


def _look_up(places: np.ndarray, notes: Path) -> np.ndarray:
    """Return the ids of rows, by place."""
    ids = np.empty(len(places), f"S{ID_BYTES}")
    order = np.argsort(places)
    ordered = places[order]
    for rank, here in _by_rank(ordered):
        known = np.memmap(notes / "ids" / f"{rank:05d}.ids", dtype=ids.dtype, mode="r")
        ids[order[here]] = known[ordered[here] & ROW_MASK]
    return ids


def _by_rank(places: np.ndarray) -> Iterator[tuple[int, slice]]:
    """Yield each rank of places, in order, with the range of its places."""
    ranks = places >> ROW_BITS
    bounds = [0, *(np.flatnonzero(np.diff(ranks)) + 1).tolist(), len(places)]
    for start, end in itertools.pairwise(bounds):
        if start < end:
            yield int(ranks[start]), slice(start, end)
