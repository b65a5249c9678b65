"""Assignment of items: each goes to `votes_per_item` annotators, and to the same one again only after their undo.

Items with the fewest annotators come first, so that a study that ends early has about as many votes on each. An item
that was shown but not judged stays its annotator's until the timeout, then anyone's. Every step is one transaction.
"""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kun_recipes.annotation.storage import Database, digest

Outcome = Literal["shown", "saved", "repeated", "late", "undone", "nothing"]

# Whose hands count towards an item's votes: those who voted, and those who have it open in time.
TAKEN = "(state = 'voted' OR (state = 'open' AND given > :alive))"

OPEN = """
SELECT * FROM assignments WHERE task = :task AND annotator = :annotator AND state = 'open' ORDER BY id DESC
"""
OTHERS = f"""
SELECT count(*) FROM assignments WHERE task = :task AND item = :item AND annotator <> :annotator AND {TAKEN}
"""
# Everyone goes through one random order, from a start of their own: neighbours in it are seldom asked at once.
NEXT = f"""
SELECT item FROM (
    SELECT item, position, (
        SELECT count(*) FROM assignments WHERE task = items.task AND item = items.item AND {TAKEN}
    ) AS taken
    FROM items WHERE task = :task AND NOT EXISTS (
        SELECT 1 FROM assignments
        WHERE task = items.task AND item = items.item AND annotator = :annotator AND state <> 'lapsed'
    )
)
WHERE taken < :votes
ORDER BY taken, (position + :start) % (SELECT count(*) FROM items WHERE task = :task)
LIMIT 1
"""
LAST_VOTE = """
SELECT votes.id AS vote, assignments.* FROM votes JOIN assignments ON assignments.id = votes.assignment
WHERE task = :task AND annotator = :annotator AND state = 'voted' ORDER BY votes.id DESC LIMIT 1
"""
WITHDRAWN = """
SELECT answer FROM votes JOIN assignments ON assignments.id = votes.assignment
WHERE task = :task AND annotator = :annotator AND item = :item AND state = 'withdrawn' ORDER BY votes.id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Assignment:
    """An item that is with an annotator.

    Attributes:
        id: number by which the page sends the vote.
        first: the answer that stands left.
        withdrawn: the annotator's answer before an undo.
    """

    id: int
    item: str
    first: Literal["a", "b"]
    withdrawn: dict[str, Any] | None


@dataclass(frozen=True)
class Step:
    """Outcome of an annotator's action, and their next item; `assignment` is None when nothing is left.

    Attributes:
        outcome: of a vote: saved, repeated (already stored, unchanged) or late (the item went to others).
        done, total: items of the annotator's, judged and in all.
    """

    outcome: Outcome
    assignment: Assignment | None
    done: int
    total: int


class Assigner:
    """Assigns items and records votes.

    Args:
        annotators: how many there are, for the share of each.
        timeout: after which an item that is open may go to others, in seconds.
        clock: seconds since 1970 (UTC).
    """

    def __init__(
        self,
        database: Database,
        votes_per_item: int,
        annotators: int,
        timeout: float,
        seed: int,
        clock: Callable[[], float] = time.time,
    ):
        self.database, self.votes_per_item, self.annotators = database, votes_per_item, annotators
        self.timeout, self.seed, self.clock = timeout, seed, clock

    def show(self, task: str, annotator: str) -> Step:
        """Return the item that the annotator has open, or a new one."""
        with self.database.write() as sql:
            return self._step(sql, "shown", task, annotator)

    def submit(self, task: str, annotator: str, assignment: int | None, answer: Mapping[str, Any]) -> Step:
        """Take a vote, unless it is there already or came too late to be one of the item's votes."""
        with self.database.write() as sql:
            outcome = self._save(sql, task, annotator, assignment, answer)
            return self._step(sql, outcome, task, annotator)

    def undo(self, task: str, annotator: str, assignment: int | None) -> Step:
        """Withdraw the annotator's last vote and open its item again.

        Args:
            assignment: what the page shows; if outdated, such as by an undo sent twice, nothing happens.
        """
        with self.database.write() as sql:
            top = sql.execute(OPEN, {"task": task, "annotator": annotator}).fetchone()
            outcome: Outcome = "nothing"
            if (top["id"] if top else None) == assignment:
                outcome = self._withdraw(sql, task, annotator)
            return self._step(sql, outcome, task, annotator)

    def _save(
        self, sql: sqlite3.Connection, task: str, annotator: str, assignment: int | None, answer: Mapping
    ) -> Outcome:
        if assignment is None:  # the page shows that all is done
            return "nothing"
        row = sql.execute("SELECT * FROM assignments WHERE id = ?", (assignment,)).fetchone()
        if row is None or (row["task"], row["annotator"]) != (task, annotator):
            return "late"
        if row["state"] != "open":
            return "late" if row["state"] == "lapsed" else "repeated"
        if not self._is_needed(sql, row):
            _set_state(sql, assignment, "lapsed")
            return "late"
        sql.execute(
            "INSERT INTO votes (assignment, time, answer) VALUES (?, ?, ?)",
            (assignment, self.clock(), json.dumps(answer)),
        )
        _set_state(sql, assignment, "voted")
        return "saved"

    def _withdraw(self, sql: sqlite3.Connection, task: str, annotator: str) -> Outcome:
        last = sql.execute(LAST_VOTE, {"task": task, "annotator": annotator}).fetchone()
        if last is None:
            return "nothing"
        sql.execute("INSERT INTO withdrawals VALUES (?, ?)", (last["vote"], self.clock()))
        _set_state(sql, last["id"], "withdrawn")
        self._assign(sql, task, last["item"], annotator)
        return "undone"

    def _step(self, sql: sqlite3.Connection, outcome: Outcome, task: str, annotator: str) -> Step:
        assignment = self._current(sql, task, annotator)
        done = _count(sql, task, annotator)
        return Step(outcome, assignment, done, max(self._share(sql, task), done + 1) if assignment else done)

    def _current(self, sql: sqlite3.Connection, task: str, annotator: str) -> Assignment | None:
        for row in sql.execute(OPEN, {"task": task, "annotator": annotator}).fetchall():
            if self._is_needed(sql, row):
                sql.execute("UPDATE assignments SET given = ? WHERE id = ?", (self.clock(), row["id"]))
                return _as_assignment(sql, row)
            _set_state(sql, row["id"], "lapsed")
        found = sql.execute(
            NEXT,
            {
                "task": task,
                "annotator": annotator,
                "votes": self.votes_per_item,
                "alive": self.clock() - self.timeout,
                "start": int(digest(self.seed, task, annotator)[:8], 16),
            },
        ).fetchone()
        return self._assign(sql, task, found["item"], annotator) if found else None

    def _assign(self, sql: sqlite3.Connection, task: str, item: str, annotator: str) -> Assignment:
        # The coin is a hash, so that an item that comes back stands as it stood.
        first = "ab"[int(digest(self.seed, task, item, annotator)[0], 16) % 2]
        row = sql.execute(
            "INSERT INTO assignments (task, item, annotator, first, given) VALUES (?, ?, ?, ?, ?) RETURNING *",
            (task, item, annotator, first, self.clock()),
        ).fetchone()
        return _as_assignment(sql, row)

    def _is_needed(self, sql: sqlite3.Connection, row: sqlite3.Row) -> bool:
        """Return True if an open item is still its annotator's, or would be assigned to them again."""
        others = sql.execute(OTHERS, {**dict(row), "alive": self.clock() - self.timeout}).fetchone()[0]
        return others < self.votes_per_item

    def _share(self, sql: sqlite3.Connection, task: str) -> int:
        items = sql.execute("SELECT count(*) FROM items WHERE task = ?", (task,)).fetchone()[0]
        return math.ceil(items * self.votes_per_item / self.annotators)


def _as_assignment(sql: sqlite3.Connection, row: sqlite3.Row) -> Assignment:
    before = sql.execute(WITHDRAWN, dict(row)).fetchone()
    return Assignment(row["id"], row["item"], row["first"], json.loads(before["answer"]) if before else None)


def _count(sql: sqlite3.Connection, task: str, annotator: str) -> int:
    return sql.execute(
        "SELECT count(*) FROM assignments WHERE task = ? AND annotator = ? AND state = 'voted'", (task, annotator)
    ).fetchone()[0]


def _set_state(sql: sqlite3.Connection, assignment: int, state: str) -> None:
    sql.execute("UPDATE assignments SET state = ? WHERE id = ?", (state, assignment))
