"""Parquet in and out: shards of a dataset, one split per source, named as `load_dataset` expects.

data/<split>-00000-of-00002.parquet
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from kun_recipes.data import schema
from kun_recipes.data.columns import SEGMENT, Column, arrow_schema

DATA = "data"
"""Folder of the shards."""

ROWS_PER_GROUP = 1000
"""Rows of a row group: as many as a viewer fetches to show a page of a hundred."""

SHARD_BYTES = 500 * 2**20
"""Of a shard before compression; Parquet and zstd make some 150 MB of it. `datasets` itself takes 500 MB."""


class SplitWriter(AbstractContextManager):
    """Write rows of all splits in one pass, each split's into its own shards.

    The bytes depend on the rows and their order alone. Pages are cut where the content says, so that the Hub stores
    again only what a later release changed.

    Args:
        folder: an empty folder; its files have their last names only once the writer was left without an error.

    Attributes:
        rows: by split, in the order of the names; complete once the writer was left.
    """

    def __init__(self, folder: Path, columns: tuple[Column, ...]):
        self.folder = folder
        self.schema = arrow_schema(columns)
        self.rows: dict[str, int] = {}
        self._splits: dict[str, _Split] = {}

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row of a stage to the split of its source; columns that it lacks are null."""
        self.add(row[schema.SOURCE], {**row, SEGMENT: row[schema.TEXT]})

    def add(self, split: str, row: dict[str, Any]) -> None:
        """Add a row to a split; columns that it lacks are null."""
        if split not in self._splits:
            self._splits[split] = _Split(split, self.folder, self.schema)
        self._splits[split].write(row)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for split in self._splits.values():
            split.close() if kind is None else split.abandon()
        self.rows = {name: self._splits[name].rows for name in sorted(self._splits)}


class _Split:
    """The shards of one split; a shard's name says how many there are, which is known at the end."""

    def __init__(self, name: str, folder: Path, columns: pyarrow.Schema):
        self.name, self.folder, self.schema = name, folder, columns
        self.rows = 0
        self._waiting: list[dict[str, Any]] = []
        self._shards: list[Path] = []
        self._writer: parquet.ParquetWriter | None = None
        self._bytes = 0

    def write(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        if len(self._waiting) == ROWS_PER_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        table = pyarrow.Table.from_pylist(self._waiting, schema=self.schema)
        if self._writer is None:
            self._shards.append(self.folder / f"{self.name}-{len(self._shards):05d}.partial")
            self._writer = parquet.ParquetWriter(
                self._shards[-1],
                self.schema,
                compression="zstd",
                use_content_defined_chunking=True,
                write_page_index=True,
            )
        self._writer.write_table(table)
        self.rows += table.num_rows
        self._bytes += table.nbytes
        self._waiting = []
        if self._bytes >= SHARD_BYTES:
            self.abandon()

    def close(self) -> None:
        if self._waiting:
            self._write_group()
        self.abandon()
        for number, shard in enumerate(self._shards):
            shard.rename(self.folder / f"{self.name}-{number:05d}-of-{len(self._shards):05d}.parquet")

    def abandon(self) -> None:
        """Close the file that is being written; the next row opens another."""
        if self._writer is not None:
            self._writer.close()
            self._writer, self._bytes = None, 0


def split_names(folder: Path, data: str = DATA) -> list[str]:
    """Return the names of the splits of a dataset's folder; a model's has none.

    Args:
        data: folder of the shards, here as below.
    """
    return sorted({path.name.rsplit("-", 3)[0] for path in (folder / data).glob("*-?????-of-?????.parquet")})


def shards(folder: Path, split: str, data: str = DATA) -> list[Path]:
    """Return the files of a split, in order."""
    return sorted((folder / data).glob(f"{split}-?????-of-?????.parquet"))


def read_split(
    folder: Path, split: str, columns: list[str] | None = None, data: str = DATA
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split, in order."""
    batches = chain.from_iterable(
        parquet.ParquetFile(path).iter_batches(batch_size=1000, columns=columns)
        for path in shards(folder, split, data)
    )
    return chain.from_iterable(batch.to_pylist() for batch in batches)


def read_all(folder: Path, columns: list[str] | None = None, data: str = DATA) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (split, row) of all splits, one after the other."""
    for split in split_names(folder, data):
        for row in read_split(folder, split, columns, data):
            yield split, row
