"""Votes as files without names: JSON lines and CSV, and with their items a dataset for the Hub."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import jinja2
import orjson
import pyarrow
import pyarrow.parquet

from kun_recipes.annotation.storage import Vote
from kun_recipes.annotation.study import Study
from kun_recipes.errors import UserError

CARD = "dataset_card.md.jinja"


def write_votes(votes: Mapping[str, Sequence[Vote]], folder: Path) -> list[Path]:
    """Write <task>_votes.jsonl and .csv of each task that has votes; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for task, rows in ((task, list(map(asdict, given))) for task, given in votes.items() if given):
        lines, table = folder / f"{task}_votes.jsonl", folder / f"{task}_votes.csv"
        lines.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        with table.open("w", encoding="utf-8-sig", newline="") as file:  # with the mark by which Excel knows UTF-8
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        written += [lines, table]
    return written


def write_dataset(study: Study, votes: Mapping[str, Sequence[Vote]], folder: Path) -> Path:
    """Write README.md and <task>.parquet of each task that has votes; `load_dataset` reads the folder.

    A row is a vote, with the columns of its item as item_*.

    An earlier folder is replaced once the new one is whole.

    Raises:
        UserError: a vote is on an item that the study does not have.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    given = {task: some for task, some in votes.items() if some}
    for task, some in given.items():
        rows = [_row(study, task, vote) for vote in some]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), partial / f"{task}.parquet")
    (partial / "README.md").write_text(_card(study, given), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return partial.replace(folder)


def _row(study: Study, task: str, vote: Vote) -> dict:
    item = study.tasks.get(task, {}).get(vote.item)
    if item is None:
        raise UserError(
            f"there are votes on item {vote.item}, which is not in study_dir; set study_dir to the study of the votes"
        )
    columns = {f"item_{name}": value for name, value in asdict(item).items() if name != "id"}
    return asdict(vote) | columns


def _card(study: Study, votes: Mapping[str, Sequence[Vote]]) -> str:
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined).from_string(
        (files("kun_recipes.annotation") / CARD).read_text(encoding="utf-8")
    )
    tasks = [
        {
            "name": task,
            "votes": len(some),
            "items": len({vote.item for vote in some}),
            "annotators": len({vote.annotator for vote in some}),
        }
        for task, some in votes.items()
    ]
    return template.render(tasks=tasks)
