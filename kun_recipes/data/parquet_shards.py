"""The Parquet shards of a dataset's folder, as SplitWriter names them, read back."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from pyarrow import parquet

DATA = "data"
"""Folder of the shards."""


def split_names(folder: Path) -> list[str]:
    """The splits of a dataset's folder; none in a model's."""
    return sorted({path.name.rsplit("-", 3)[0] for path in (folder / DATA).glob("*-?????-of-?????.parquet")})


def shards(folder: Path, split: str) -> list[Path]:
    return sorted((folder / DATA).glob(f"{split}-?????-of-?????.parquet"))


def read_split(folder: Path, split: str, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a split of a folder, in order."""
    batches = chain.from_iterable(
        parquet.ParquetFile(path).iter_batches(batch_size=1000, columns=columns) for path in shards(folder, split)
    )
    return chain.from_iterable(batch.to_pylist() for batch in batches)


def read_all(folder: Path, columns: list[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """(split, row) of all splits, one after the other."""
    for split in split_names(folder):
        for row in read_split(folder, split, columns):
            yield split, row
