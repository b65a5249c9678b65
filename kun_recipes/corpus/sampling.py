"""Samples by hash: a share of the documents, and a number of rows by source weights.

The hash is of an id and a seed, so that a sample does not depend on how the work is split, and a larger one holds the
smaller. `SampleDocuments` takes the documents whose hashes are below the share. A sample of rows takes two pipelines:
`RecordHashes` notes the hashes, `sample_thresholds` finds up to which hash a source is taken, and `BelowThreshold`
takes it.
"""

import heapq
import json
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.sources.formats import CorpusFormat
from kun_recipes.data import schema
from kun_recipes.data.hashing import row_hash
from kun_recipes.errors import UserError

NOTE = struct.Struct("<IQ")
NOTE_RECORD = np.dtype([("source", "<u4"), ("hash", "<u8")])
NOTES_AT_ONCE = 1 << 20
NOTHING, ALL = -1, 2**64 - 1  # a threshold below every hash, and one that no hash is above
DOCUMENT_NOT_SAMPLED = "document_not_sampled"


class SampleDocuments(BaseFilter):
    """Keep a share of the documents; the others are counted, and not written.

    Drops with reason "document_not_sampled".

    Args:
        share: of the documents that are kept.
        seed: another seed, another sample.
    """

    name = "🎲 sample of documents"

    def __init__(self, share: float, seed: int = 0):
        super().__init__()
        self.share = share
        self.seed = seed

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        return row_hash(doc.id, self.seed) < self.share * 2**64 or (False, DOCUMENT_NOT_SAMPLED)


class RecordHashes(PipelineStep):
    """Note each row's source and hash, 12 bytes per row; passes every row on.

    Args:
        folder: takes a file per task, and one of the names of its sources.
        seed: another seed, another sample.
    """

    name = "🎲 hashes"
    type = "🎲 - SAMPLING"

    def __init__(self, folder: str | Path, seed: int = 0):
        super().__init__()
        self.folder = Path(folder)
        self.seed = seed

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        self.folder.mkdir(parents=True, exist_ok=True)
        sources: dict[str, int] = {}
        with (self.folder / f"{rank:05d}.hashes").open("wb") as notes:
            for document in data:
                source = sources.setdefault(document.metadata[schema.SOURCE], len(sources))
                notes.write(NOTE.pack(source, row_hash(document.id, self.seed)))
                yield document
        names = json.dumps(list(sources), ensure_ascii=False)
        (self.folder / f"{rank:05d}.json").write_text(names, encoding="utf-8")


class BelowThreshold(BaseFilter):
    """Keep the rows whose hash is at most the threshold of their source.

    Drops with reason "not_sampled"; the value is the hash as a share of the largest.

    Args:
        thresholds: of every source, from `sample_thresholds`.
        seed: that of `RecordHashes`.
        exclusion_writer: where dropped rows go.
        other: threshold of a source that has none; None: all have.
    """

    name = "🎲 sample"

    def __init__(
        self,
        thresholds: Mapping[str, int],
        seed: int = 0,
        exclusion_writer: DiskWriter | None = None,
        other: int | None = None,
    ):
        super().__init__(exclusion_writer)
        self.thresholds = dict(thresholds)
        self.seed = seed
        self.other = other

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        value = row_hash(doc.id, self.seed)
        source = doc.metadata[schema.SOURCE]
        if value <= (self.thresholds[source] if self.other is None else self.thresholds.get(source, self.other)):
            return True
        doc.metadata[schema.VALUE] = f"{value / 2**64:.6f}"
        return False, "not_sampled"


def sample_thresholds(folder: str | Path, count: int, weights: Mapping[str, float] | None = None) -> dict[str, int]:
    """Return the largest sampled hash of each source, so that `count` rows are sampled.

    `ALL` where all there are is less.

    Args:
        folder: what `RecordHashes` noted.
        count: rows wanted.
        weights: share of each source; a source without a weight is left out. None takes the sources as they come.

    Memory: 16 bytes per row wanted. Raises UserError when a weight names a source of which there is no row.
    """
    rows = _count_rows(Path(folder))
    if weights is None:
        smallest = _Smallest(count)
        for _, hashes in _read_notes(Path(folder)):
            smallest.add(hashes)
        return dict.fromkeys(rows, smallest.largest())
    _refuse_unknown(weights, rows)
    chosen = {source: _Smallest(wanted) for source, wanted in share_out(count, rows, weights).items()}
    for source, hashes in _read_notes(Path(folder)):
        chosen[source].add(hashes)
    return {source: smallest.largest() for source, smallest in chosen.items()}


def share_out(count: int, rows: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, int]:
    """Return how many rows each source gives, so that their numbers are to each other as the weights.

    A source with too few gives all, and the others the rest. Rows are dealt one by one to the source that lags most
    behind its weight (Webster's method), for so no source gives fewer of a larger count; the first many at a time.
    """
    shares = {source: Fraction(weights[source]) for source in sorted(rows) if weights.get(source)}
    count = min(count, sum(rows[source] for source in shares))

    def dealt(time: Fraction) -> dict[str, int]:
        return {source: min(rows[source], int(time * share + Fraction(1, 2))) for source, share in shares.items()}

    low, high = Fraction(0), max((Fraction(rows[source] + 1) / share for source, share in shares.items()), default=0)
    for _ in range(64):
        middle = Fraction(float(low + high) / 2)
        low, high = (middle, high) if sum(dealt(middle).values()) <= count else (low, middle)
    given = dealt(low)
    turns = [(Fraction(2 * given[source] + 1, 2) / share, source) for source, share in shares.items()]
    turns = [turn for turn in turns if given[turn[1]] < rows[turn[1]]]
    heapq.heapify(turns)
    for _ in range(count - sum(given.values())):
        time, source = heapq.heappop(turns)
        given[source] += 1
        if given[source] < rows[source]:
            heapq.heappush(turns, (time + 1 / shares[source], source))
    return dict.fromkeys(rows, 0) | given


def threshold_of_others(thresholds: Mapping[str, int], weights: Mapping[str, float] | None) -> int:
    """Return the threshold of a source that had no row when the thresholds of the others were found."""
    return NOTHING if weights else max(thresholds.values(), default=ALL)  # without weights there is one for all


def check_weights(weights: Mapping[str, float] | None, formats: Sequence[CorpusFormat]) -> None:
    """Raise UserError, before a corpus is read, for a weight of a source that cannot have rows."""
    if weights and all(one.source is None for one in formats):  # or the records name their sources
        _refuse_unknown(weights, {one.name for one in formats})


def _refuse_unknown(weights: Mapping[str, float], sources: Collection[str]) -> None:
    if unknown := [source for source in weights if source not in sources]:
        known = ", ".join(sorted(sources)) or "none"
        raise UserError(f"sample_weights: no rows of source {unknown[0]}; the sources with rows are: {known}")


class _Smallest:
    """The `count` smallest of the numbers added so far. At most twice as many are held in memory."""

    def __init__(self, count: int):
        self.count = count
        self.added = 0
        self.parts = [np.empty(0, np.uint64)]

    def add(self, values: np.ndarray) -> None:
        self.added += len(values)
        self.parts.append(values)
        if sum(map(len, self.parts)) > 2 * self.count:
            self._merge()

    def largest(self) -> int:
        if 0 < self.added <= self.count:
            return ALL
        self._merge()
        return int(self.parts[0].max()) if len(self.parts[0]) else NOTHING

    def _merge(self) -> None:
        values = np.concatenate(self.parts)
        if len(values) > self.count:
            values = np.partition(values, self.count)[: self.count]
        self.parts = [values]


def _count_rows(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for source, hashes in _read_notes(folder):
        counts[source] = counts.get(source, 0) + len(hashes)
    return counts


def _read_notes(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield sources, each with hashes of some of its rows."""
    for path in sorted(folder.glob("*.hashes")):
        names = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with path.open("rb") as file:
            while chunk := file.read(NOTES_AT_ONCE * NOTE.size):
                notes = np.frombuffer(chunk, NOTE_RECORD)
                for number in np.unique(notes["source"]).tolist():
                    yield names[number], notes["hash"][notes["source"] == number]
