"""Exact duplicates among segments, and the numbering of shards: the two steps that must see all rows in order."""

import hashlib
import re
import unicodedata

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes import schema

SHARD = "shard"
"""Metadata key of the shard's number, for the file name of a writer (`${shard}.jsonl.zst`); no column of the row."""

WHITESPACE = re.compile(r"\s+")
DIGEST_BYTES = 16  # two of a billion different texts meet with a probability below 1e-20


class ExactDuplicateFilter(BaseFilter):
    """Keep the first of segments that are the same text, but for character width and whitespace.

    Drops with reason "duplicate"; the value is the id of the copy that was kept. Memory grows by some 180 bytes a kept
    row. Must run as one task: another task would not know what this one has seen.
    """

    name = "👯 exact duplicates"

    def __init__(self, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.kept_ids: dict[bytes, str] = {}

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        _require_one_task(self, world_size)
        self.kept_ids = {}
        return super().run(data, rank, world_size)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        digest = text_digest(doc.text)
        if digest in self.kept_ids:
            doc.metadata[schema.VALUE] = self.kept_ids[digest]
            return False, "duplicate"
        self.kept_ids[digest] = doc.id
        return True


class AssignShard(PipelineStep):
    """Number the shards: rows 0 to rows_per_shard - 1 get metadata["shard"] "00000", the next "00001", and so on.

    Must run as one task, so that the shards do not depend on how the work was split before.
    """

    name = "🗂️ shards"
    type = "🏷️ - NUMBERING"

    def __init__(self, rows_per_shard: int):
        super().__init__()
        self.rows_per_shard = rows_per_shard

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        _require_one_task(self, world_size)
        return self._assign(data)

    def _assign(self, data: DocumentsPipeline) -> DocumentsPipeline:
        for number, document in enumerate(data):
            document.metadata[SHARD] = f"{number // self.rows_per_shard:05d}"
            yield document


def text_digest(text: str) -> bytes:
    """Digest of the text in one character width (NFKC) and without whitespace."""
    normal = WHITESPACE.sub("", unicodedata.normalize("NFKC", text))
    return hashlib.blake2b(normal.encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _require_one_task(step: PipelineStep, world_size: int) -> None:
    if world_size != 1:
        raise ValueError(f"{type(step).__name__} must run as one task, not {world_size}: set tasks=1")
