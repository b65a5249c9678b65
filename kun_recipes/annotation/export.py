"""Votes out of the database: as records, as files, and as a dataset for the Hub, all without names.

Needs nothing of the annotate extra.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from kun_recipes.annotation.answers import choice_of
from kun_recipes.annotation.storage import digest, open_existing
from kun_recipes.studies.items import ITEMS, QUALITY
from kun_recipes.studies.votes import PreferenceVote, QualityVote

Vote = QualityVote | PreferenceVote

ITEMS_FILE = "space_items.json"
"""Beside the database: the items' own ids by those that a Space calls them."""

# Every vote that was not withdrawn, in order of time.
VOTES = """
SELECT votes.id, time, answer, task, item, annotator, first FROM votes
JOIN assignments ON assignments.id = votes.assignment
WHERE votes.id NOT IN (SELECT vote FROM withdrawals) ORDER BY votes.id
"""


def read_votes(database: Path) -> dict[str, list[Vote]]:
    """The votes on each task, in order of time, without those that were withdrawn.

    Annotators are a1, a2, … in the order of a hash of their names.

    Raises:
        UserError: there is no database, or it cannot be read.
    """
    sql = open_existing(database).read()
    items = _own_ids(database)
    names = [row["annotator"] for row in sql.execute("SELECT DISTINCT annotator FROM assignments")]
    numbers = {name: f"a{number}" for number, name in enumerate(sorted(names, key=digest), start=1)}
    votes: dict[str, list[Vote]] = {task: [] for task in ITEMS}
    for row in sql.execute(VOTES):
        votes[row["task"]].append(_vote(row, items, numbers[row["annotator"]]))
    return votes


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


def _own_ids(database: Path) -> dict[str, str]:
    path = database.with_name(ITEMS_FILE)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _vote(row: Mapping[str, Any], items: Mapping[str, str], annotator: str) -> Vote:
    answer = json.loads(row["answer"])
    common = {"item": items.get(row["item"], row["item"]), "annotator": annotator, "time": row["time"]}
    if row["task"] == QUALITY:
        return QualityVote(**common, **answer)
    return PreferenceVote(**common, first=row["first"], choice=choice_of(answer["pressed"], row["first"]))
