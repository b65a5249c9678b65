"""Check any published dataset of instructions: its card, its rows, and the counts and hashes of its manifest."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from datasets import (
    IterableDataset,
    get_dataset_config_names,
    get_dataset_default_config_name,
    load_dataset,
)
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub import DatasetCard
from pyarrow import ArrowException
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from kun_recipes.data import schema
from kun_recipes.data.columns import LICENSE, SEGMENT
from kun_recipes.data.files import first_line
from kun_recipes.data.folders import PREFERENCE
from kun_recipes.data.manifest import CARD, digest_rows
from kun_recipes.errors import UserError
from kun_recipes.privacy import load_privacy
from kun_recipes.progress import progress_bar
from kun_recipes.publishing.cards.render import faults_of_text
from kun_recipes.publishing.checking.files import (
    check_files,
    fetch,
    manifest_of,
    rows_beside_results,
    rows_without_results,
)
from kun_recipes.publishing.checking.rows import Problem, RowsCheck, is_preference
from kun_recipes.publishing.licences import ON_HUB
from kun_recipes.rules import load_rules

LINEAGE = (schema.ID, schema.SOURCE, LICENSE, SEGMENT)
"""Columns that say where a row comes from, and what may be done with it."""

Splits = dict[str, IterableDataset]

UNREADABLE = (ArrowException, FileNotFoundError, ConnectionError, ValueError)
"""Raised for files that are cut off, in another encoding, or with other columns than the first."""


def check_published(name: str, console: Console) -> int:
    """Check a dataset, print the problems found, and return the number of kinds of serious ones.

    Args:
        name: a folder, or an id on the Hub.

    Raises:
        UserError: the dataset cannot be read, or holds no instructions with outputs or segments.
    """
    splits = _load(name)
    check = RowsCheck(load_privacy(), load_rules(), quality=True)
    manifest = manifest_of(name)
    problems = [*_check_card(name), *(check_files(name, manifest) if manifest else [])]
    problems += [*_check_columns(splits), *_check_rows(name, splits, manifest, check)]
    problems += check.problems.values()
    pairs = sum(check.pairs.values())
    rows = {split: count for split, count in check.rows.items() if split not in check.pairs}
    counts = ", ".join(f"{split} {count:,}" for split, count in rows.items())
    more = f"; {pairs:,} preference pairs" if pairs else ""
    console.print(Text(f"{name}: {sum(rows.values()):,} rows: {counts}{more}"))
    _show(problems, sum(check.rows.values()), console)
    return sum(problem.serious for problem in problems)


def _load(name: str) -> Splits:
    """Return the rows of each split; where no config is the default one, of every config's, as <config>/<split>."""
    try:
        try:
            configs = get_dataset_config_names(name)
        except ValueError:  # results of another format than the rows
            if files := rows_without_results(name):
                return dict(load_dataset(name, data_files=files, streaming=True))
            raise
        default = get_dataset_default_config_name(name)
        if len(configs) == 1 or default:
            splits = _load_config(name, default)
            return splits | _load_pairs(name) if default and PREFERENCE in configs else splits
        loaded = {config: _load_config(name, config) for config in configs}
        return {f"{config}/{split}": rows for config, splits in loaded.items() for split, rows in splits.items()}
    except yaml.YAMLError as error:
        raise UserError(f"{name}: its card's metadata cannot be read: {' '.join(str(error).split())}") from error
    except (DatasetNotFoundError, FileNotFoundError, ConnectionError, ValueError) as error:
        why = first_line(error)
        what = "cannot be read" if Path(name).exists() else "is neither a dataset folder nor a dataset id on the Hub"
        raise UserError(f"{name}: {what}: {why}") from error


def _load_pairs(name: str) -> Splits:
    """Return the splits of the config of preference pairs, as <config>/<split>."""
    return {f"{PREFERENCE}/{split}": rows for split, rows in _load_config(name, PREFERENCE).items()}


def _columns(split: str, rows: IterableDataset) -> list[str]:
    return rows.column_names or list(_first_row(split, rows))


def _load_config(name: str, config: str | None) -> Splits:
    files = rows_beside_results(name, config)
    if files:
        return dict(load_dataset(name, data_files=files, streaming=True))
    return dict(load_dataset(name, config, streaming=True))


def _check_card(name: str) -> Iterator[Problem]:
    """Yield the problems of the card of a folder or of a dataset on the Hub."""
    path = fetch(name, CARD)
    if path is None:
        yield Problem("no card: its content and terms of use are unknown", False, 0, [CARD])
        return
    try:
        card = DatasetCard(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        yield Problem("its card's metadata cannot be read", True, 0, [" ".join(str(error).split())])
        return
    licence = card.data.get("license") or "unknown"
    if licence == "unknown":
        yield Problem("its card names no licence, so nobody may use it", False, 0, [CARD])
    elif strange := [
        str(one) for one in (licence if isinstance(licence, list) else [licence]) if str(one) not in ON_HUB
    ]:
        yield Problem("its card's licence is unknown to the Hub", False, 0, strange)
    elif licence == "other" and not card.data.get("license_name"):
        yield Problem("its card has license: other, but no license_name", False, 0, [CARD])
    if "zh" not in (card.data.get("language") or []):
        yield Problem("its card does not name the language Chinese (language: zh)", False, 0, [CARD])
    if faults := faults_of_text(card.text):
        yield Problem("its card is not finished", False, 0, faults)


def _check_columns(splits: Splits) -> Iterator[Problem]:
    lacking: dict[str, list[str]] = {}
    for split, rows in splits.items():
        columns = _columns(split, rows)
        if is_preference(columns):
            continue
        if schema.INSTRUCTION not in columns or not {schema.OUTPUT, SEGMENT} & set(columns):
            raise UserError(
                f"{split}: has the columns {', '.join(columns) or 'none'}; an instruction dataset has "
                f"`{schema.INSTRUCTION}` and `{schema.OUTPUT}`, or `{SEGMENT}`"
            )
        if missing := ", ".join(name for name in LINEAGE if name not in columns):
            lacking.setdefault(missing, []).append(split)
    for missing, where in lacking.items():
        yield Problem(f"no column {missing}: the origin and licence of rows are unknown", False, 0, where)


def _first_row(split: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a row that tells the columns of JSON and CSV, which no schema does."""
    try:
        return next(iter(rows), {})
    except UNREADABLE as error:
        raise UserError(f"{split}: its first row cannot be read: {first_line(error)}") from error


def _check_rows(name: str, splits: Splits, manifest: dict[str, Any] | None, check: RowsCheck) -> Iterator[Problem]:
    """Look at every row, and compare their number and hashes with what card and manifest promise."""
    promised = manifest["splits"] if manifest else {}
    for split, rows in splits.items():
        found = digest_rows(_looked_at(name, split, rows, check))
        told = (rows.info.splits or {}).get(split.rpartition("/")[2])
        if told is not None and told.num_examples != found["rows"]:
            where = f"{split}: {found['rows']} instead of {told.num_examples}"
            yield Problem("number of rows differs from its card", True, 0, [where])
        if promised and found != promised.get(split):
            yield Problem("rows differ from its manifest", True, 0, [split])
    if missing := sorted(promised.keys() - splits.keys()):
        yield Problem("splits of its manifest are missing", True, 0, missing)


def _looked_at(name: str, split: str, rows: Iterable[dict[str, Any]], check: RowsCheck) -> Iterator[dict[str, Any]]:
    try:
        with progress_bar(None, split) as bar:
            for row in rows:
                check.look(split, row)
                bar.update()
                yield row
    except UNREADABLE as error:
        why = first_line(error)
        raise UserError(f"{name}: {split} cannot be read after row {check.rows.get(split, 0)}: {why}") from error


def _show(problems: list[Problem], rows: int, console: Console) -> None:
    if not problems:
        console.print("no problems found")
        return
    numbers = (Column(name, justify="right") for name in ("rows", "of all"))
    table = Table(Column("", no_wrap=True), "what", *numbers, "where")
    for problem in sorted(problems, key=lambda problem: (not problem.serious, -problem.rows)):
        shown = (f"{problem.rows:,}", f"{problem.rows / rows:.2%}") if problem.rows else ("", "")
        table.add_row("wrong" if problem.serious else "look", problem.what, *shown, Text("\n".join(problem.places)))
    console.print(table)
