"""Exact duplicates: note a digest of each row, then compare the digests of all files, a bucket per task."""

import contextlib
import hashlib
import unicodedata
from pathlib import Path
from typing import BinaryIO

import numpy as np
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from kun_recipes.corpus.deduplication.found import open_ids, places_of, write_found, write_id
from kun_recipes.text.views import narrow

DIGEST = np.dtype([("high", "<u8"), ("low", "<u8"), ("row", "<u4")])
DIGEST_BYTES = 16  # two of a billion different texts meet with a probability below 1e-20


class DigestRows(PipelineStep):
    """Note the digest of each row by which `FindExactDuplicates` knows copies; passes every row on.

    Stands right before the writer: the numbers that it gives the rows are those of the rows in the file.

    Args:
        folder: takes a file per task and bucket, and the rows' ids: 44 bytes per row.
        buckets: number of parts that the digests of all files are shared out over: the tasks of the next step.
    """

    name = "👯 digests"
    type = "🫂 - DEDUP"

    def __init__(self, folder: str | Path, buckets: int):
        super().__init__()
        self.folder = Path(folder)
        self.buckets = buckets

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        with contextlib.ExitStack() as files:
            ids = files.enter_context(open_ids(self.folder, rank))
            notes = [files.enter_context(self._open(bucket, rank)) for bucket in range(self.buckets)]
            for row, document in enumerate(data):
                with self.track_time():
                    digest = text_digest(document.text)
                    notes[digest[0] % self.buckets].write(digest + row.to_bytes(4, "little"))
                    write_id(ids, document.id)
                yield document

    def _open(self, bucket: int, rank: int) -> BinaryIO:
        path = _bucket_folder(self.folder, bucket) / f"{rank:05d}.digests"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


class FindExactDuplicates(PipelineStep):
    """Find all but the first copy of every text, in reading order, for `DropRows` to drop. Reads no rows.

    Runs as one task per bucket. Memory: some 70 bytes per row of the bucket.

    Args:
        folder: what `DigestRows` noted.
        found: takes the rows to drop.
    """

    name = "👯 exact duplicates"
    type = "🫂 - DEDUP"

    def __init__(self, folder: str | Path, found: str | Path):
        super().__init__()
        self.folder = Path(folder)
        self.found = Path(found)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> None:
        buckets = len(list(self.folder.glob("bucket_*")))
        if world_size != buckets:
            raise ValueError(f"{self.folder}: {buckets} buckets of digests, but {world_size} tasks to compare them")
        with self.track_time():
            digests, places = _read_bucket(_bucket_folder(self.folder, rank))
            dropped, kept = find_copies(digests["high"], digests["low"])
            self.stat_update("compared", value=len(places))
            self.stat_update("duplicates", value=len(dropped))
            write_found(self.found, f"bucket_{rank:03d}", places[dropped], places[kept], self.folder)


def find_copies(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of all but the first of equal digests, and for each the position of that first."""
    order = np.lexsort((low, high))  # stable: equal digests stay in reading order
    high, low = high[order], low[order]
    repeated = np.zeros(len(order), dtype=bool)
    repeated[1:] = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    first = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(order))))
    return order[repeated], order[first[repeated]]


def text_digest(text: str) -> bytes:
    """Return digest of the text in one character width (NFKC) and without whitespace."""
    normal = narrow(text)  # most often NFKC already, which is soon checked and slowly made
    if not unicodedata.is_normalized("NFKC", normal):
        normal = unicodedata.normalize("NFKC", normal)
    return hashlib.blake2b("".join(normal.split()).encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _read_bucket(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all digests of a bucket and the places of their rows, in reading order."""
    files = sorted(folder.glob("*.digests"), key=lambda path: int(path.stem))
    digests = [np.fromfile(path, DIGEST) for path in files]
    places = [places_of(int(path.stem), part["row"]) for path, part in zip(files, digests, strict=True)]
    return np.concatenate(digests), np.concatenate(places)


def _bucket_folder(folder: Path, bucket: int) -> Path:
    return folder / f"bucket_{bucket:03d}"
