"""One SQLite file holds a study's votes; what was acknowledged survives a crash of the server or of the machine.

Needs nothing of the annotate extra, and gives votes out without names.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from kun_recipes.annotation.study import Study
from kun_recipes.errors import UserError
from kun_recipes.studies.items import ITEMS, QUALITY
from kun_recipes.studies.votes import Choice, PreferenceVote, QualityVote

BUSY_SECONDS = 5
"""Time to wait for another process that writes; a transaction takes milliseconds."""

Vote = QualityVote | PreferenceVote
Button = Literal["left", "tie", "both_bad", "right"]

ITEMS_FILE = "space_items.json"
"""Beside the database: the items' own ids by those that a Space calls them."""

# Every vote that was not withdrawn, in order of time.
VOTES = """
SELECT votes.id, time, answer, task, item, annotator, first FROM votes
JOIN assignments ON assignments.id = votes.assignment
WHERE votes.id NOT IN (SELECT vote FROM withdrawals) ORDER BY votes.id
"""


class Database:
    """Connections to the file, one per thread: SQLite lets many read while one writes.

    Raises:
        UserError: the file cannot be opened or written, or is not a database.
    """

    def __init__(self, path: Path):
        self.path = path
        self._threads = threading.local()
        # SQLite's own waiting is unfair: it sleeps and tries again. The threads of one server stand in line here.
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection().executescript((files("kun_recipes.annotation") / "schema.sql").read_text("utf-8"))
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f"{path}: cannot be used for votes ({error}); check the file, its folder and the disk"
            ) from error

    def read(self) -> sqlite3.Connection:
        """Return a connection that shows what was committed."""
        return self._connection()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction. It sees all earlier ones, and is applied as a whole or not at all."""
        connection = self._connection()
        with self._writing:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def add_study(self, study: Study, seed: int) -> None:
        """Add the items of a study, unless they are already stored.

        Raises:
            UserError: the votes here are about other items.
        """
        with self.write() as sql:
            known = {row["task"]: row["fingerprint"] for row in sql.execute("SELECT * FROM studies")}
            for task, fingerprint in study.fingerprints().items():
                if known.get(task, fingerprint) != fingerprint:
                    raise UserError(
                        f"{self.path}: contains votes on {task} items of another study; "
                        "use a separate output_dir for each study"
                    )
                if task not in known:
                    sql.execute("INSERT INTO studies VALUES (?, ?)", (task, fingerprint))
                    shuffled = sorted(study.tasks[task], key=lambda item: digest(seed, task, item))
                    sql.executemany(
                        "INSERT INTO items VALUES (?, ?, ?)",
                        [(task, item, position) for position, item in enumerate(shuffled)],
                    )

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._threads, "connection"):
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a vote is on the disk before it is acknowledged
            connection.execute("PRAGMA foreign_keys = ON")
            self._threads.connection = connection
        return self._threads.connection


def open_existing(path: Path) -> Database:
    """Open a database of earlier votes. Raises UserError if the file is missing."""
    if not path.is_file():
        raise UserError(f"{path}: no votes yet; serve the page first")
    return Database(path)


def read_votes(database: Path) -> dict[str, list[Vote]]:
    """Return the votes on each task in order of time, without withdrawn ones.

    Annotators are a1, a2, … in the order of a hash of their names.

    Raises:
        UserError: the database is missing or cannot be read.
    """
    sql = open_existing(database).read()
    items = _original_ids(database)
    names = [row["annotator"] for row in sql.execute("SELECT DISTINCT annotator FROM assignments")]
    numbers = {name: f"a{number}" for number, name in enumerate(sorted(names, key=digest), start=1)}
    votes: dict[str, list[Vote]] = {task: [] for task in ITEMS}
    for row in sql.execute(VOTES):
        votes[row["task"]].append(_vote(row, items, numbers[row["annotator"]]))
    return votes


def _original_ids(database: Path) -> dict[str, str]:
    path = database.with_name(ITEMS_FILE)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _vote(row: Mapping[str, Any], items: Mapping[str, str], annotator: str) -> Vote:
    answer = json.loads(row["answer"])
    common = {"item": items.get(row["item"], row["item"]), "annotator": annotator, "time": row["time"]}
    if row["task"] == QUALITY:
        return QualityVote(**common, **answer)
    return PreferenceVote(**common, first=row["first"], choice=choice_from_button(answer["pressed"], row["first"]))


def choice_from_button(pressed: Button, first: Literal["a", "b"]) -> Choice:
    """Return the choice that a button stands for: left and right depend on the answer shown first."""
    if pressed == "left":
        return first
    if pressed == "right":
        return "b" if first == "a" else "a"
    return pressed


def digest(*parts: object) -> str:
    """Return a hash for reproducible shuffling, coin flips and pseudonyms."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
