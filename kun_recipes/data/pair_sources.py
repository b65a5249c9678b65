"""Rows of whatever holds pairs: JSON lines and Parquet files, folders of them, a stage's rows, datasets of the Hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kun_recipes.data.folders import require_finished
from kun_recipes.data.rows import SHARD_PATTERN, read_rows
from kun_recipes.errors import UserError

SUFFIXES = (".jsonl", ".parquet")

Row = dict[str, Any]


def source_rows(source: str, revision: str | None = None) -> Iterator[tuple[str, Row | str]]:
    """Yield (place, row) of a file, a folder, a stage's rows or a Hub dataset; (place, reason) for an invalid line.

    A place is "file:line", or in Parquet "file:row". Reasons: "not_json", "not_an_object".

    Raises UserError when there is no such source.
    """
    path = Path(source)
    if _is_stage_rows(path):
        require_finished(source)
        yield from ((f"{source}:{number}", row) for number, row in enumerate(read_rows(path), start=1))
    elif path.exists():
        for file in data_files(source):
            yield from _parquet_rows(file) if file.suffix == ".parquet" else _json_rows(file)
    elif path.suffix in SUFFIXES or source.startswith((".", "/")) or source.count("/") != 1:
        raise UserError(f"{source}: no such file or folder")
    else:
        yield from _hub_rows(source, revision)


def data_files(source: str) -> list[Path]:
    """Return the data files of a local source in a fixed order; raise UserError when a folder has none."""
    path = Path(source)
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise UserError(f"{source}: seeds are read from {' and '.join(SUFFIXES)} files")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    if not files:
        raise UserError(f"{source}: no {' or '.join(SUFFIXES)} file in this folder")
    return files


def columns_of(joined: str, row: Row) -> list[str]:
    """Return the columns that an option names; several are joined by +."""
    return [joined] if joined in row else joined.split("+")


def column_text(row: Row, joined: str) -> Any:
    """Return the value of a column, None where the row lacks it; of several, the texts with a newline between them.

    Several of which one is no text are returned as a list.
    """
    columns = columns_of(joined, row)
    if len(columns) == 1:
        return row.get(columns[0])
    texts = [row[column] for column in columns if row.get(column) is not None]
    return "\n".join(filter(None, map(str.strip, texts))) if all(isinstance(text, str) for text in texts) else texts


def _is_stage_rows(path: Path) -> bool:
    """Tell whether a folder holds compressed shards: only stages write such."""
    return path.is_dir() and any(shard.suffix not in SUFFIXES for shard in path.glob(SHARD_PATTERN))


def _json_rows(file: Path) -> Iterator[tuple[str, Row | str]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except ValueError:  # neither UTF-8 nor JSON
                yield f"{file}:{number}", "not_json"
                continue
            yield f"{file}:{number}", row if isinstance(row, dict) else "not_an_object"


def _parquet_rows(file: Path) -> Iterator[tuple[str, Row]]:
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


def _hub_rows(name: str, revision: str | None) -> Iterator[tuple[str, Row]]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    try:
        splits = load_dataset(name, revision=revision)
    except (DatasetNotFoundError, ConnectionError) as error:
        raise UserError(f"{name}: neither a file or folder nor a dataset that the Hub gives: {error}") from error
    for split, rows in splits.items():
        for number, row in enumerate(rows, start=1):
            yield f"{name}/{split}:{number}", row
