"""Check any published dataset of instructions: its card, its rows, and the counts and hashes of its manifest."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from datasets import IterableDatasetDict, load_dataset
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub import DatasetCard, hf_hub_download
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError
from pyarrow import ArrowException
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from kun_recipes.data import schema
from kun_recipes.data.columns import LICENSE, SEGMENT
from kun_recipes.data.manifest import CARD, MANIFEST, digest_rows, read_manifest
from kun_recipes.errors import UserError
from kun_recipes.privacy import load_privacy
from kun_recipes.progress import progress_bar
from kun_recipes.publishing.cards.render import faults_of_text
from kun_recipes.publishing.checking.rows import Problem, RowsCheck
from kun_recipes.rules import load_rules

LINEAGE = (schema.ID, schema.SOURCE, LICENSE, SEGMENT)
"""Columns without which nobody can tell where a row comes from, and what may be done with it."""


UNREADABLE = (ArrowException, FileNotFoundError, ConnectionError, ValueError)
"""Raised for files that are cut off, in another encoding, or with other columns than the first."""


def check_published(name: str, console: Console) -> int:
    """Check a dataset, print the problems found, and return the number of kinds of serious ones.

    Args:
        name: a folder, or an id on the Hub.

    Raises:
        UserError: it is no dataset that can be read, or holds no instructions with outputs or segments.
    """
    splits = _load(name)
    check = RowsCheck(load_privacy(), load_rules(), quality=True)
    problems = [*_check_card(name), *_check_columns(splits), *_check_rows(name, splits, check)]
    problems += check.problems.values()
    counts = ", ".join(f"{split} {count:,}" for split, count in check.rows.items())
    console.print(Text(f"{name}: {sum(check.rows.values()):,} rows: {counts}"))
    _show(problems, sum(check.rows.values()), console)
    return sum(problem.serious for problem in problems)


def _load(name: str) -> IterableDatasetDict:
    try:
        return load_dataset(name, streaming=True)
    except yaml.YAMLError as error:
        raise UserError(f"{name}: its card's metadata cannot be read: {' '.join(str(error).split())}") from error
    except (DatasetNotFoundError, FileNotFoundError, ConnectionError, ValueError) as error:
        why = str(error).strip().partition("\n")[0]
        what = "cannot be read" if Path(name).exists() else "neither a dataset's folder nor its id on the Hub"
        raise UserError(f"{name}: {what}: {why}") from error


def _check_card(name: str) -> Iterator[Problem]:
    """Yield the problems of the card of a folder or of a dataset on the Hub."""
    path = _fetch(name, CARD)
    if path is None:
        yield Problem("no card: nobody can know what it is, or what may be done with it", False, 0, [CARD])
        return
    try:
        card = DatasetCard(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        yield Problem("its card's metadata cannot be read", True, 0, [" ".join(str(error).split())])
        return
    if (card.data.get("license") or "unknown") == "unknown":
        yield Problem("its card names no licence: nobody may use it", False, 0, [CARD])
    if "zh" not in (card.data.get("language") or []):
        yield Problem("its card does not say that it is Chinese (language: zh)", False, 0, [CARD])
    if faults := faults_of_text(card.text):
        yield Problem("its card is not finished", False, 0, faults)


def _fetch(name: str, file: str) -> Path | None:
    """Return the path of a file of a folder or of a dataset on the Hub; None if there is no such file."""
    if Path(name).is_dir():
        path = Path(name, file)
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(name, file, repo_type="dataset"))
    except LocalEntryNotFoundError as error:
        raise UserError(f"{name}: the Hub cannot be reached for {file}") from error
    except RemoteEntryNotFoundError:
        return None
    except HTTPError as error:
        raise UserError(f"{name}: {file} cannot be fetched: {str(error).strip().partition(chr(10))[0]}") from error


def _check_columns(splits: IterableDatasetDict) -> Iterator[Problem]:
    lacking: dict[str, list[str]] = {}
    for split, rows in splits.items():
        columns = rows.column_names or list(_first_row(split, rows))
        if schema.INSTRUCTION not in columns or not {schema.OUTPUT, SEGMENT} & set(columns):
            raise UserError(
                f"{split}: has the columns {', '.join(columns) or 'none'}; a set of instructions has "
                f"`{schema.INSTRUCTION}` and `{schema.OUTPUT}`, or `{SEGMENT}`"
            )
        if missing := ", ".join(name for name in LINEAGE if name not in columns):
            lacking.setdefault(missing, []).append(split)
    for missing, where in lacking.items():
        yield Problem(f"no column {missing}: where a row is from, and its licence, cannot be told", False, 0, where)


def _first_row(split: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a row that tells the columns of JSON and CSV, which no schema does."""
    try:
        return next(iter(rows), {})
    except UNREADABLE as error:
        raise UserError(
            f"{split}: its first row cannot be read: {str(error).strip().partition(chr(10))[0]}"
        ) from error


def _check_rows(name: str, splits: IterableDatasetDict, check: RowsCheck) -> Iterator[Problem]:
    """Look at every row, and compare their number and hashes with what card and manifest promise."""
    manifest = _fetch(name, MANIFEST)
    promised = read_manifest(manifest)["splits"] if manifest else {}
    for split, rows in splits.items():
        found = digest_rows(_looked_at(name, split, rows, check))
        told = (rows.info.splits or {}).get(split)
        if told is not None and told.num_examples != found["rows"]:
            where = f"{split}: {found['rows']} instead of {told.num_examples}"
            yield Problem("not as many rows as its card says", True, 0, [where])
        if promised and found != promised.get(split):
            yield Problem("not the rows of its manifest", True, 0, [split])
    if missing := sorted(promised.keys() - splits.keys()):
        yield Problem("splits of its manifest are not there", True, 0, missing)


def _looked_at(name: str, split: str, rows: Iterable[dict[str, Any]], check: RowsCheck) -> Iterator[dict[str, Any]]:
    try:
        with progress_bar(None, split) as bar:
            for row in rows:
                check.look(split, row)
                bar.update()
                yield row
    except UNREADABLE as error:
        why = str(error).strip().partition("\n")[0]
        raise UserError(f"{name}: {split} cannot be read behind row {check.rows.get(split, 0)}: {why}") from error


def _show(problems: list[Problem], rows: int, console: Console) -> None:
    if not problems:
        console.print("nothing is wrong with it")
        return
    numbers = (Column(name, justify="right") for name in ("rows", "of all"))
    table = Table(Column("", no_wrap=True), "what", *numbers, "where")
    for problem in sorted(problems, key=lambda problem: (not problem.serious, -problem.rows)):
        shown = (f"{problem.rows:,}", f"{problem.rows / rows:.2%}") if problem.rows else ("", "")
        table.add_row("wrong" if problem.serious else "look", problem.what, *shown, Text("\n".join(problem.places)))
    console.print(table)
