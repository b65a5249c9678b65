"""Rows of whatever holds pairs: JSON, CSV and Parquet files, folders of them, a stage's rows, datasets of the Hub."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from kun_recipes.data import csv_files, json_files
from kun_recipes.data.archives import PACKINGS
from kun_recipes.data.csv_files import read_csv
from kun_recipes.data.folders import require_finished
from kun_recipes.data.hub_datasets import HUB_DATASET, load_splits
from kun_recipes.data.json_files import read_json
from kun_recipes.data.json_lines import Malformed
from kun_recipes.data.pair_forms import COLUMNS, Row, lower
from kun_recipes.data.rows import SHARD_PATTERN, read_rows
from kun_recipes.data.splits import of_default_config, read_unasked
from kun_recipes.errors import UserError

TEXT_SUFFIXES = tuple(
    suffix + packing for suffix in (*json_files.SUFFIXES, *csv_files.SUFFIXES) for packing in PACKINGS
)
SUFFIXES = (*TEXT_SUFFIXES, ".parquet")
_NAMES = ".jsonl, .json, .csv, .tsv or .parquet"


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be read: the reason under which it is counted, and what is wrong."""

    reason: str
    message: str


Located = tuple[str, Row | Unreadable]


@dataclass(frozen=True)
class HubPart:
    """The part of a Hub dataset that is read.

    Attributes:
        revision: commit, branch or tag; None: main.
        subset: config; None: the default one.
        split: None: all but those that are there to measure models by.
        options: names of the options for subset and split, for messages.
    """

    revision: str | None = None
    subset: str | None = None
    split: str | None = None
    options: tuple[str, str] = ("subset", "split")


MAIN = HubPart()


def source_files(source: str, part: HubPart = MAIN) -> Iterator[tuple[str, Iterator[Located]]]:
    """Yield (name, rows) of each file of a source: a file, a folder, a stage's rows, or a split of a Hub dataset.

    Of a folder or Hub dataset test and validation splits are read only where one is named.

    A row is (its place, itself), or (its place, the reason why it is not a row). A place is "file:number" of the line,
    of the element of an array, or of the row of a table.

    Raises UserError if the source is missing.
    """
    path = Path(source)
    if _is_stage_rows(path):
        require_finished(source)
        yield source, ((f"{source}:{number}", row) for number, row in enumerate(read_rows(path), start=1))
    elif path.exists():
        for file in data_files(source):
            yield str(file), _parquet_rows(file) if file.suffix == ".parquet" else _text_rows(str(file))
    elif path.name.endswith(SUFFIXES) or not (hub := HUB_DATASET.fullmatch(source)):
        raise UserError(f"{source}: no such file or folder")
    else:
        if hub["revision"] and part.revision:
            raise UserError(f"{source}: names a revision, and so does an option: {part.revision}; remove one")
        yield from _hub_splits(hub["name"], replace(part, revision=hub["revision"] or part.revision))


def data_files(source: str) -> list[Path]:
    """Return the data files of a local source in a fixed order; raise UserError when a folder has none.

    In a folder, a .json file without rows is passed over: tools leave their own there, such as dataset_info.json. Of a
    dataset with a card the files of its default config are read.
    """
    path = Path(source)
    if path.is_file():
        if not path.name.endswith(SUFFIXES):
            raise UserError(f"{source}: pairs are read from {_NAMES} files")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES) and _holds_rows(file))
    if not files:
        raise UserError(f"{source}: no {_NAMES} file in this folder")
    return without_measuring(path, of_default_config(path, files))


def without_measuring(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Return the files of a folder that are read unasked: not those of test and validation splits."""
    named = {file.relative_to(folder).as_posix(): file for file in files}
    sizes = dict.fromkeys(named, "a file")
    return [named[name] for name in read_unasked(str(folder), named, sizes, "to read such a file, give its path")]


def _is_stage_rows(path: Path) -> bool:
    """Tell whether a folder holds compressed shards: only stages write such."""
    return path.is_dir() and any(shard.suffix not in (".jsonl", ".parquet") for shard in path.glob(SHARD_PATTERN))


def _holds_rows(file: Path) -> bool:
    if file.suffix != ".json":
        return True
    first, *others = islice(read_json(str(file), COLUMNS), 2)
    if others or isinstance(first, Malformed) or not isinstance(first.value, dict):
        return True
    return not COLUMNS.isdisjoint(lower(first.value))


def _text_rows(file: str) -> Iterator[Located]:
    is_table = any(suffix in Path(file).suffixes for suffix in csv_files.SUFFIXES)
    for record in read_csv(file) if is_table else read_json(file, COLUMNS):
        where = f"{file}:{record.number}"
        if isinstance(record, Malformed):
            if record.reason == "empty_file":
                continue
            yield where, Unreadable(record.reason, record.message)
        else:
            yield where, record.value if isinstance(record.value, dict) else Unreadable("not_an_object", "")


def _parquet_rows(file: Path) -> Iterator[Located]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        number = 0
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{file}:{number}", row
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{file}: not a Parquet file: {error}") from error


def _hub_splits(name: str, part: HubPart) -> Iterator[tuple[str, Iterator[Located]]]:
    problem = f"{name}: is neither a local file or folder nor an available Hub dataset"
    splits = load_splits(name, part.revision, part.subset, part.split, problem, part.options)
    for split, rows in splits.items():
        where = f"{name}/{split}"
        yield where, ((f"{where}:{number}", row) for number, row in enumerate(rows, start=1))
