"""Seed pairs: read, validated, and split into training and held-out by hash (Kun §3.1).

The refined dataset of an earlier run is read the same way: the final model trains on it (§3.3).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.data.hashing import choice_hash
from kun_recipes.errors import UserError

SUFFIXES = (".jsonl", ".parquet")
SHOWN = 5
"""Places named for each reason; the rest are counted."""


@dataclass(frozen=True)
class Seed:
    """An (instruction x, output y) pair and its place, "file:line" or, in Parquet, "file:row"."""

    instruction: str
    output: str
    where: str


@dataclass(frozen=True)
class Removed:
    """A row that is not trained on: its place and the reason."""

    where: str
    reason: str


def load_seeds(
    source: str, instruction_column: str, output_column: str, revision: str | None = None
) -> tuple[list[Seed], list[Removed]]:
    """Read and validate the pairs of a file, a folder of files, or a Hub dataset: (pairs, removed rows).

    A column may be several, joined by +: their texts are joined by a newline, and empty ones are left out.

    Reasons: "not_json", "not_an_object", "wrong_type", "empty_instruction", "empty_output", "duplicate_instruction".
    Raises UserError when there is no such source, no row, or a column is missing.
    """
    seeds: dict[str, Seed] = {}
    removed: list[Removed] = []
    for where, row in source_rows(source, revision):
        if not isinstance(row, dict):
            removed.append(Removed(where, row))
            continue
        instruction, output = (column_text(row, column, where) for column in (instruction_column, output_column))
        if reason := _fault(instruction, output):
            removed.append(Removed(where, reason))
        elif instruction.strip() in seeds:
            removed.append(Removed(where, "duplicate_instruction"))
        else:
            seeds[instruction.strip()] = Seed(instruction.strip(), output.strip(), where)
    if not seeds:
        raise UserError(f"{source}: no pair to train on; {describe_removed(removed) or 'it holds no row'}")
    return list(seeds.values()), removed


def split_seeds(seeds: Sequence[Seed], held_out_share: float) -> tuple[list[Seed], list[Seed]]:
    """Split by the hash of the instruction: (training, held out), each in the given order.

    A pair's side does not depend on the other pairs, so that it stays when pairs are added. Only where a small set
    would leave one side empty, the pair with the lowest (highest) hash changes sides.

    Raises UserError when a share is to be held out of a single pair.
    """
    if held_out_share == 0:
        return list(seeds), []
    if len(seeds) < 2:
        raise UserError(f"{seeds[0].where}: one pair cannot be split; give more, or set held_out_share: 0")
    place = {seed: _hash_share(seed.instruction) for seed in seeds}
    held_out = {seed for seed in seeds if place[seed] < held_out_share}
    held_out = held_out or {min(seeds, key=place.__getitem__)}
    if len(held_out) == len(seeds):
        held_out.remove(max(seeds, key=place.__getitem__))
    return [seed for seed in seeds if seed not in held_out], [seed for seed in seeds if seed in held_out]


def describe_removed(removed: Iterable[Removed]) -> str:
    """One phrase: how many rows were removed for which reason, and where."""
    places = defaultdict(list)
    for row in removed:
        places[row.reason].append(row.where)
    phrases = []
    for reason, where in places.items():
        more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
        phrases.append(f"{len(where)} {reason} ({', '.join(where[:SHOWN])}{more})")
    return "; ".join(phrases)


def seed_files(source: str) -> list[Path]:
    """The data files of a local source in a fixed order; raises UserError when a folder has none."""
    path = Path(source)
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise UserError(f"{source}: seeds are read from {' and '.join(SUFFIXES)} files")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    if not files:
        raise UserError(f"{source}: no {' or '.join(SUFFIXES)} file in this folder")
    return files


def source_rows(source: str, revision: str | None) -> Iterator[tuple[str, dict | str]]:
    """(place, row) of a file, a folder or a Hub dataset, one after another; (place, reason) for a line that is no row.

    Raises UserError when there is no such source.
    """
    if Path(source).exists():
        for file in seed_files(source):
            yield from _parquet_rows(file) if file.suffix == ".parquet" else _json_rows(file)
    elif Path(source).suffix in SUFFIXES or source.startswith((".", "/")) or source.count("/") != 1:
        raise UserError(f"{source}: no such file or folder")
    else:
        yield from _hub_rows(source, revision)


def _json_rows(file: Path) -> Iterator[tuple[str, dict | str]]:
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


def _parquet_rows(file: Path) -> Iterator[tuple[str, dict]]:
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


def _hub_rows(name: str, revision: str | None) -> Iterator[tuple[str, dict]]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    try:
        splits = load_dataset(name, revision=revision)
    except (DatasetNotFoundError, ConnectionError) as error:
        raise UserError(f"{name}: neither a file or folder nor a dataset that the Hub gives: {error}") from error
    for split, rows in splits.items():
        for number, row in enumerate(rows, start=1):
            yield f"{name}/{split}:{number}", row


def column_text(row: dict, joined: str, where: str) -> Any:
    """The value of a column; of several, joined by +, the texts with a newline between them.

    Raises UserError when a column is missing.
    """
    columns = [joined] if joined in row else joined.split("+")
    for column in columns:
        if column not in row:
            raise UserError(f"{where}: no column {column}; found {', '.join(map(str, row)) or 'none'}")
    if len(columns) == 1:
        return row[columns[0]]
    texts = [row[column] for column in columns if row[column] is not None]
    return "\n".join(filter(None, map(str.strip, texts))) if all(isinstance(text, str) for text in texts) else None


def _fault(instruction: Any, output: Any) -> str | None:
    if not isinstance(instruction, str) or not isinstance(output, str):
        return "wrong_type"
    if not instruction.strip():
        return "empty_instruction"
    if not output.strip():
        return "empty_output"
    return None


def _hash_share(instruction: str) -> float:
    """A number in [0, 1) that depends on the instruction alone."""
    return choice_hash(instruction) / 2**64
