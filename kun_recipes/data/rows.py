"""Rows between stages: one JSON line per row, in a folder of compressed shards."""

import hashlib
import re
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import zstandard
from datatrove.data import Document, DocumentsPipeline
from datatrove.io import DataFolder
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers.base import BaseDiskReader
from datatrove.pipeline.writers import JsonlWriter
from fsspec.compression import register_compression

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.errors import UserError
from kun_recipes.text.views import is_blank

SHARD_PATTERN = "*.jsonl*"
OWN_SOURCE = "own"
"""Source of rows that no stage wrote and that name none."""
_SPLIT_NAME = re.compile(r"\w+(?:\.\w+)*")
_SOURCE_BYTES, _SOURCE_DIGEST = 120, 8  # bytes of a source's name, because files bear it; characters of its hash
SHARD = "shard"
"""Metadata key of the shard's number, for the file name of a writer; no column of the row."""
RECORD = "record"
"""Metadata key of the number of a document's record in its file: ids of corpora repeat. No column of the row."""


LocatedRow = tuple[str, dict[str, Any]]
"""A row, behind the place at which it stands, for messages."""

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

    Unlike datatrove's reader it stops at an invalid line: shards are written by a stage, so that a bad line
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
    """Read rows that people may have written themselves; `check_rows` tells what keeps rows from being read.

    Their sources become names of splits; a row without a source gets `OWN_SOURCE`.
    """

    name = "🐉 input rows"

    def read_file(self, filepath: str) -> Iterator[Document]:
        for document in super().read_file(filepath):
            document.metadata[schema.SOURCE] = source_name(document.metadata.get(schema.SOURCE)) or OWN_SOURCE
            yield document


def source_name(value: Any) -> str | None:
    """Return a source, text or a number, as the name of a dataset split; None for null, blanks and other values.

    `datasets` wants word characters, of any script, and dots between them. The name of a source that has others, or
    too many, ends in a part of its hash, because two sources must never become one: licences hang on them.
    """
    source = str(value).strip() if _is_source(value) else ""
    if is_blank(source):
        return None
    if _SPLIT_NAME.fullmatch(source) and len(source.encode()) <= _SOURCE_BYTES:
        return source
    digest = hashlib.sha256(source.encode()).hexdigest()[:_SOURCE_DIGEST]
    words = re.sub(r"\W+", "_", source).strip("_").encode()[:_SOURCE_BYTES].decode(errors="ignore")
    return f"{words}_{digest}" if words else f"source_{digest}"


def _is_source(value: Any) -> bool:
    """Return whether a value names a source. NaN is what tables write for null."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value == value


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
    """Yield the rows of one shard.

    Raises UserError, naming file and line, at an invalid line or a broken archive.
    """
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
    return None if is_row else f"a row needs `{schema.ID}` and `{schema.TEXT}`, as strings"


def read_rows(folder: str | Path) -> Iterator[dict[str, Any]]:
    """Yield all rows of a folder of shards, in shard order."""
    for name in list_shards(folder):
        yield from read_shard(folder, name)


def check_rows(folder: str | Path, columns: Sequence[str] = ()) -> None:
    """Raise UserError, naming file and line, at the first row that no stage could have written.

    Such a row is invalid, has no text in one of `columns`, an invalid source, or the id of another row. Takes
    8 bytes of memory per row.
    """
    check_located(lambda: _located(folder), columns)


def check_located(located: Callable[[], Iterator[LocatedRow]], columns: Sequence[str]) -> None:
    """Do what `check_rows` does, with rows of any origin; `located` reads them from the start."""
    digests = array("Q")
    for where, row in located():
        for column in columns:
            if not isinstance(row.get(column), str) or is_blank(row[column]):
                raise UserError(f"{where}: no text in column {column}; found {', '.join(row)}")
        if isinstance(source := row.get(schema.SOURCE), bool | list | dict):
            raise UserError(f"{where}: the source must be text or a number, not {source}")
        digests.append(choice_hash(row[schema.ID]))
    values, counts = np.unique(np.frombuffer(digests, np.uint64), return_counts=True)
    _check_ids(located, set(values[counts > 1].tolist()))


def _check_ids(located: Callable[[], Iterator[LocatedRow]], repeated: set[int]) -> None:
    """Raise UserError at the first row with the id of one before; `repeated` are the hashes of such ids."""
    places: dict[str, str] = {}
    for where, row in located() if repeated else ():
        row_id = row[schema.ID]
        if choice_hash(row_id) in repeated and (first := places.setdefault(row_id, where)) != where:
            raise UserError(f"{where}: duplicate id {row_id}, first at {first}; give each row its own id")


def _located(folder: str | Path) -> Iterator[LocatedRow]:
    """Yield all rows of a folder of shards, and where they stand: file and row, counted from 1."""
    for name in list_shards(folder):
        for number, row in enumerate(read_shard(folder, name), start=1):
            yield f"{folder}/{name}:{number}", row


def list_shards(folder: str | Path) -> list[str]:
    """Return the names of a folder's shards, in order. Raises UserError if it has no shards."""
    shards = sorted(path.name for path in Path(folder).glob(SHARD_PATTERN)) if Path(folder).is_dir() else []
    if not shards:
        raise UserError(
            f"{folder}: no rows; the previous stage did not run, or removed them all (see its removed folder)"
        )
    return shards


class _ShardWriter(JsonlWriter):
    """Write the shards of a task one after another.

    datatrove's writer keeps all of them open to the end, each with a compressor of 0.9 MB, and the files that a
    process may open are soon used up.
    """

    def _write(self, document: dict, file_handler: IO, filename: str) -> None:
        for name in [*self.output_mg.get_open_files()]:
            if name != filename:
                self.close_file(name)
        super()._write(document, file_handler, filename)


def row_writer(folder: str | Path, by_shard: bool = False) -> JsonlWriter:
    """Write one shard per task; with `by_shard`, one file per number that `AssignShard` gave, in their order."""
    if by_shard:
        return _ShardWriter(str(folder), f"${{rank}}_${{{SHARD}}}.jsonl.zst", compression=ZSTD, adapter=_row)
    return JsonlWriter(str(folder), "${rank}.jsonl.zst", compression=ZSTD, adapter=_row)


def write_shards(rows: Sequence[Document], folder: str | Path, rows_per_shard: int) -> int:
    """Write rows that this process made, for tasks to read with `RankReader`; returns how many shards.

    Existing content of the folder is removed first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shards = [rows[first : first + rows_per_shard] for first in range(0, len(rows), rows_per_shard)]
    for rank, shard in enumerate(shards):
        for _ in row_writer(folder).run(iter(shard), rank=rank, world_size=len(shards)):
            pass
    return len(shards)


def removed_writers(folder: str | Path) -> Callable[[str], JsonlWriter]:
    """Return a function that gives each block its writer, in the order of the blocks: `removed/<nn>_<block>/`."""
    count = 0

    def writer(block: str) -> JsonlWriter:
        nonlocal count
        count += 1
        return JsonlWriter(f"{folder}/{count:02d}_{block}", "${rank}.jsonl.zst", compression=ZSTD, adapter=_row)

    return writer


def _row(_writer: JsonlWriter, document: Document) -> dict[str, Any]:
    metadata = {key: value for key, value in document.metadata.items() if key not in (SHARD, RECORD)}
    if "filter_reason" in metadata:  # datatrove's name for it
        metadata[schema.REASON] = metadata.pop("filter_reason")
    return {schema.ID: document.id, schema.TEXT: document.text, **metadata}
