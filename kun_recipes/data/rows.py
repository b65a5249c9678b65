"""Rows between stages: one JSON line a row, in a folder of compressed shards."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import zstandard
from datatrove.data import Document, DocumentsPipeline
from datatrove.io import DataFolder
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers.base import BaseDiskReader
from datatrove.pipeline.writers import JsonlWriter
from fsspec.compression import register_compression

from kun_recipes.data import schema
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.errors import UserError
from kun_recipes.text.views import is_blank

SHARD_PATTERN = "*.jsonl*"
OWN_SOURCE = "own"
"""Source of rows that no stage wrote and that name none."""
_SPLIT_NAME = re.compile(r"\w+(?:\.\w+)*")
_SOURCE_LENGTH, _SOURCE_DIGEST = 80, 8  # characters of a source's name, and of the hash behind it
SHARD = "shard"
"""Metadata key of the shard's number, for the file name of a writer; no column of the row."""


ZSTD = "zstd-3"
"""fsspec's own "zstd" is level 10, at which compressing takes as long as a third of the rules of the corpus stage."""


def _zstd_writer(file: Any, mode: str = "wb", **_: Any) -> zstandard.ZstdCompressionWriter:
    return zstandard.ZstdCompressor(level=3).stream_writer(file)


register_compression(ZSTD, _zstd_writer, [], force=True)


class _Shards(DataFolder):
    """A folder of shards. datatrove's own search would read the folder's name as a pattern: run[1]."""

    def list_files(self, *_: Any, **__: Any) -> list[str]:
        return list_shards(self.path)


class RowReader(BaseDiskReader):
    """Read the shards of a stage: the file's name order, and within a task the rows' order.

    Unlike datatrove's reader it stops at a line that is no row: shards are written by a stage, so that a bad line
    means a damaged file, and skipping it would lose a row silently.
    """

    name = "🐉 rows"

    def __init__(self, folder: str | Path):
        super().__init__(_Shards(str(folder)), add_file_path=False)

    def read_file(self, filepath: str) -> Iterator[Document]:
        for number, row in enumerate(read_shard(self.data_folder.path, filepath), start=1):
            with self.track_time():
                document = self.get_document_from_dict(row, filepath, number)
            yield document


class InputReader(RowReader):
    """Read rows that people may have written themselves: one without a source gets `OWN_SOURCE`."""

    name = "🐉 input rows"

    def read_file(self, filepath: str) -> Iterator[Document]:
        for document in super().read_file(filepath):
            source = document.metadata.get(schema.SOURCE)
            document.metadata[schema.SOURCE] = source_name(str(source)) if source else OWN_SOURCE
            yield document


def source_name(source: str) -> str:
    """Return the name of a source as that of a dataset split.

    `datasets` wants word characters, of any script, and dots between them. The name of a source that has others ends
    in a part of its hash, because two sources must never become one: licences hang on them.
    """
    source = source.strip()
    if _SPLIT_NAME.fullmatch(source):
        return source
    digest = hashlib.sha256(source.encode()).hexdigest()[:_SOURCE_DIGEST]
    words = re.sub(r"\W+", "_", source).strip("_")[:_SOURCE_LENGTH]
    return f"{words}_{digest}" if words else f"source_{digest}"


class RankReader(PipelineStep):
    """Read the shard that the task of the same rank wrote, rows in order; nothing where that task kept no row."""

    name = "🐉 rows of the same task"
    type = "📖 - READER"

    def __init__(self, folder: str | Path):
        super().__init__()
        self.folder = str(folder)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        name = f"{rank:05d}.jsonl.zst"
        if not Path(self.folder, name).is_file():
            return
        for row in read_shard(self.folder, name):
            self.stat_update("documents")
            yield Document(row.pop(schema.TEXT), row.pop(schema.ID), metadata=row)


class AssignShard(PipelineStep):
    """Number the shards of a task: its first `rows_per_shard` rows get metadata["shard"] "00000", the next "00001"."""

    name = "🗂️ shards"
    type = "🏷️ - NUMBERING"

    def __init__(self, rows_per_shard: int):
        super().__init__()
        self.rows_per_shard = rows_per_shard

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for number, document in enumerate(data):
            document.metadata[SHARD] = f"{number // self.rows_per_shard:05d}"
            yield document


def read_shard(folder: str | Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of one shard. Raises UserError, naming file and line, at a line that is no row or a broken archive."""
    for record in read_lines(f"{folder}/{name}"):
        problem = record.message if isinstance(record, Malformed) else _not_a_row(record.value)
        if problem or isinstance(record, Malformed):
            raise UserError(
                f"{folder}/{name}:{record.number}: not a row of a finished stage ({problem}); "
                "run the stage that wrote it again"
            )
        yield record.value


def _not_a_row(value: Any) -> str | None:
    """Return what keeps a JSON value from being a row, or None. A removed row may have lost all its text."""
    keys = (schema.ID, schema.TEXT)
    is_row = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in keys)
    is_row = is_row and value[schema.ID] and (value[schema.TEXT] or schema.REASON in value)
    return None if is_row else f"a row needs `{schema.ID}` and `{schema.TEXT}`"


def read_rows(folder: str | Path) -> Iterator[dict[str, Any]]:
    """All rows of a folder of shards, in shard order."""
    for name in list_shards(folder):
        yield from read_shard(folder, name)


def check_rows(folder: str | Path, columns: Sequence[str] = ()) -> None:
    """Raise UserError, naming file and line, at the first invalid row or the first without text in `columns`."""
    for name in list_shards(folder):
        for number, row in enumerate(read_shard(folder, name), start=1):
            for column in columns:
                if not isinstance(row.get(column), str) or is_blank(row[column]):
                    raise UserError(f"{folder}/{name}:{number}: no text in column {column}; found {', '.join(row)}")


def list_shards(folder: str | Path) -> list[str]:
    """Names of the shards of a folder, in order. Raises UserError when there is none."""
    shards = sorted(path.name for path in Path(folder).glob(SHARD_PATTERN)) if Path(folder).is_dir() else []
    if not shards:
        raise UserError(
            f"{folder}: no row there; the stage before did not run, or removed them all (see its removed folder)"
        )
    return shards


def row_writer(folder: str | Path, by_shard: bool = False) -> JsonlWriter:
    """Write one shard a task; with `by_shard`, one file for each value that `AssignShard` gave."""
    name = f"${{rank}}_${{{SHARD}}}.jsonl.zst" if by_shard else "${rank}.jsonl.zst"
    return JsonlWriter(str(folder), output_filename=name, compression=ZSTD, adapter=_row)


def write_shards(rows: Sequence[Document], folder: str | Path, rows_per_shard: int) -> int:
    """Write rows that this process made, for tasks to read with `RankReader`; returns how many shards. What lies in
    the folder goes first."""
    shutil.rmtree(folder, ignore_errors=True)
    shards = [rows[first : first + rows_per_shard] for first in range(0, len(rows), rows_per_shard)]
    for rank, shard in enumerate(shards):
        for _ in row_writer(folder).run(iter(shard), rank=rank, world_size=len(shards)):
            pass
    return len(shards)


def removed_writers(folder: str | Path) -> Callable[[str], JsonlWriter]:
    """A function that gives each block its writer: `removed/<nn>_<block>/`, numbered in the order of the blocks."""
    count = 0

    def writer(block: str) -> JsonlWriter:
        nonlocal count
        count += 1
        return JsonlWriter(f"{folder}/{count:02d}_{block}", "${rank}.jsonl.zst", compression=ZSTD, adapter=_row)

    return writer


def _row(_writer: JsonlWriter, document: Document) -> dict[str, Any]:
    metadata = {key: value for key, value in document.metadata.items() if key != SHARD}
    if "filter_reason" in metadata:  # datatrove's name for it
        metadata[schema.REASON] = metadata.pop("filter_reason")
    return {schema.ID: document.id, schema.TEXT: document.text, **metadata}
