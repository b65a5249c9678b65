"""Rows that no stage wrote, for label and refine: Parquet, JSON lines, datasets of the Hub.

They are copied once into shards of the stage's folder, so that its tasks read them as those of a stage. A dataset of
the Hub is read at one commit, which the stage keeps in its summary: a resumed run reads the same.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow
from datatrove.data import Document
from pyarrow import parquet

from kun_recipes.data import schema
from kun_recipes.data.columns import SEGMENT
from kun_recipes.data.files import first_line
from kun_recipes.data.folders import COPIED, STARTED, SUMMARY, fingerprint, hash_of
from kun_recipes.data.hub_datasets import HUB_DATASET, hub_splits, newest_commit
from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.data.pair_sources import without_measuring
from kun_recipes.data.rows import LocatedRow, check_located, row_writer
from kun_recipes.data.splits import of_default_config
from kun_recipes.errors import UserError
from kun_recipes.progress import progress_bar

STAGE_SHARD = re.compile(r"\d{5}(?:_\d{5})?\.jsonl\.zst")
COMMIT = re.compile(r"[0-9a-f]{40}")
LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".jsonl.xz")
SUFFIXES = (*LINES, ".parquet")

ROWS_PER_SHARD = 2048
"""Rows of a shard: twice what vLLM runs at a time on a large card. A crash costs as many per worker."""

ID_DIGITS = 24

Part = tuple[str, Callable[[], Iterator[LocatedRow]]]
"""A file or a split: its name, and a function that reads its rows from the first one on."""


@dataclass(frozen=True)
class RowSource:
    """Options that say which rows a stage reads.

    Attributes:
        path: folder of a stage's rows, file or folder of Parquet or JSON lines, or owner/name@revision on the Hub.
        subset: config of a Hub dataset.
        split: of a Hub dataset; None: all but those to measure by, one after the other.
        columns: where columns of the row contract stand in these rows, as {"text": "content"}.
        needed: columns that each row must have in addition to its text.
        left_out: columns of the row contract that the stage itself will write.
    """

    path: str
    subset: str | None = None
    split: str | None = None
    columns: Mapping[str, str] | None = None
    needed: Sequence[str] = ()
    left_out: Sequence[str] = ()

    @property
    def is_local(self) -> bool:
        return Path(self.path).exists() or not self._hub or self.path.endswith(SUFFIXES)

    @property
    def is_stage(self) -> bool:
        """True if the rows are read in place: those of a stage, known by the names of its shards.

        True, too, for a folder that is not there or holds nothing: a stage has not written it yet.
        """
        if not self.is_local or self.columns:
            return False
        files = _data_files(self.path) if Path(self.path).exists() else []
        return Path(self.path).suffix == "" and all(STAGE_SHARD.fullmatch(file.name) for file in files)

    @property
    def _hub(self) -> re.Match[str] | None:
        return HUB_DATASET.fullmatch(self.path)

    def check(self) -> None:
        """Raise UserError for an invalid path, a stage's folder instead of its rows, or a `split` of a folder."""
        if "://" in self.path and not self._hub:
            raise UserError(f"{self.path}: write a Hub dataset as owner/name or owner/name@revision")
        if self.path.endswith(SUFFIXES) and not Path(self.path).exists():
            raise UserError(f"{self.path}: no such file")
        if any(Path(self.path, name).is_file() for name in (SUMMARY, STARTED)):
            raise UserError(f"{self.path}: is the folder of a stage; give its rows instead: {Path(self.path, 'rows')}")
        if self.is_local and (given := self.subset or self.split):
            raise UserError(f"{self.path}: not a Hub dataset, so {given} has no effect; remove `subset` and `split`")

    def pin(self, known: str | None) -> str | None:
        """Return the commit at which a Hub dataset is read; None for local files.

        Args:
            known: the commit that an earlier run of the same stage read.

        Raises:
            UserError: the dataset or revision is unknown, or this token may not read it.
        """
        if self.is_local or known:
            return known
        assert self._hub is not None
        name, revision = self._hub["name"], self._hub["revision"]
        return revision if revision and COMMIT.fullmatch(revision) else newest_commit(self.path, name, revision)

    def read(self, commit: str | None) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (its place, name of its file or split, row) of each row as it is, in order.

        Args:
            commit: that `pin` returned.
        """
        for name, read in self._parts(commit):
            yield from ((where, name, row) for where, row in read())

    def copy(self, stage: Path, commit: str | None) -> Path:
        """Return a folder of shards with the rows, below that of a stage; made once, and whole or not at all.

        Raises:
            UserError: rows that cannot be read, or that lack a text or an id of their own; names the place.
        """
        folder = stage / f"{COPIED}{self._key(commit)}"
        if folder.is_dir():
            return folder
        parts = self._parts(commit)
        located = self._all_rows(parts)
        if next(located(), None) is None:
            raise UserError(f"{self.path}: contains no rows")
        check_located(located, [schema.TEXT, *self.needed])
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        self._write(parts, partial)
        os.replace(partial, folder)
        return folder

    def _key(self, commit: str | None) -> str:
        content = commit or fingerprint(Path(self.path))
        return hash_of(orjson.dumps([self.path, self.subset, self.split, self.columns, content]))

    def _parts(self, commit: str | None) -> list[Part]:
        if commit is None:
            return list(_local_parts(self.path))
        assert self._hub is not None
        return hub_splits(self.path, self._hub["name"], commit, self.subset, self.split)

    def _all_rows(self, parts: Sequence[Part]) -> Callable[[], Iterator[LocatedRow]]:
        return lambda: (row for part in parts for row in self._rows(part, set()))

    def _rows(self, part: Part, met: set[str]) -> Iterator[LocatedRow]:
        """Yield the rows of a part as the stage reads them; `met` gets all columns."""
        name, read = part
        for number, (where, row) in enumerate(read(), start=1):
            met.update(row)
            yield where, self._as_contract(where, row, f"{name}:{number}")

    def _as_contract(self, where: str, row: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Return a row under the names of the row contract, without nulls and without what the stage will write.

        Args:
            place: of the row in its dataset, wherever that is: a row without an id is identified by place and text.
        """
        names = self._names(where, row)
        moved = {new: row[old] for new, old in names.items()}
        kept = {key: value for key, value in row.items() if key not in names.values() and key not in self.left_out}
        known = {key: value for key, value in (kept | moved).items() if value is not None}
        identity = known.get(schema.ID)
        if isinstance(identity, int) and not isinstance(identity, bool):
            known[schema.ID] = str(identity)
        elif schema.TEXT in known and (not isinstance(identity, str) or not identity):
            known[schema.ID] = hashlib.sha256(f"{place}\n{known[schema.TEXT]}".encode()).hexdigest()[:ID_DIGITS]
        return known

    def _names(self, where: str, row: Mapping[str, Any]) -> dict[str, str]:
        """Return the column of a row for each column of the contract that has another name there.

        Our own datasets call the text `segment`.
        """
        names = dict(self.columns or {})
        for new, old in names.items():
            if old not in row:
                raise UserError(f"{where}: no column {old}, which `columns` maps to {new}; found {', '.join(row)}")
        if schema.TEXT not in names and schema.TEXT not in row and SEGMENT in row:
            names[schema.TEXT] = SEGMENT
        return names

    def _write(self, parts: Sequence[Part], folder: Path) -> None:
        """Write the rows in shards; a shard never holds rows of two files or splits."""
        shard, met = 0, set[str]()
        with progress_bar(None, "reading the input") as bar:
            for part in parts:
                rows = self._rows(part, met)
                while batch := list(islice(rows, ROWS_PER_SHARD)):
                    with row_writer(folder) as writer:
                        for _, row in batch:
                            plain = orjson.loads(orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS))
                            writer.write(Document(plain.pop(schema.TEXT), plain.pop(schema.ID), metadata=plain), shard)
                    shard += 1
                    bar.update(len(batch))
        met.difference_update((self.columns or {}).values())
        if left_out := [column for column in self.left_out if column in met]:
            names = ", ".join(left_out)
            print(f"{self.path}: ignored the columns {names}; this stage writes its own", file=sys.stderr)


def _data_files(path: str) -> list[Path]:
    """Return the data files at a path in a fixed order; of a dataset with a card, those of its default config."""
    if Path(path).is_file():
        return [Path(path)] if path.endswith(SUFFIXES) else []
    files = (file for file in Path(path).rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
    seen = (file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts))
    return of_default_config(Path(path), sorted(seen))


def _local_parts(path: str) -> Iterator[Part]:
    files = _data_files(path)
    if not files:
        raise UserError(f"{path}: rows are read from files that end in {', '.join(SUFFIXES)}")
    for file in files if Path(path).is_file() else without_measuring(Path(path), files):
        name = file.name if Path(path).is_file() else file.relative_to(path).as_posix()
        yield name, _reader(file)


def _reader(file: Path) -> Callable[[], Iterator[LocatedRow]]:
    return (lambda: _parquet_rows(file)) if file.suffix == ".parquet" else (lambda: _json_rows(file))


def _json_rows(file: Path) -> Iterator[LocatedRow]:
    for record in read_lines(str(file)):
        where = f"{file}:{record.number}"
        if isinstance(record, Malformed):
            raise UserError(f"{where}: {record.message}; correct the line, or remove it")
        if not isinstance(record.value, dict):
            raise UserError(f"{where}: not a row: a row is a JSON object")
        yield where, record.value


def _parquet_rows(file: Path) -> Iterator[LocatedRow]:
    try:
        number = 0
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=ROWS_PER_SHARD):
            for row in batch.to_pylist():
                number += 1
                yield f"{file}:{number}", row
    except pyarrow.ArrowException as error:
        raise UserError(f"{file}: cannot be read as Parquet: {first_line(error)}") from error
