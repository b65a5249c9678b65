import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.storage import Database, choice_from_button, open_existing
from kun_recipes.annotation.study import Study, read_study
from kun_recipes.errors import UserError
from tests.annotation.conftest import ANSWER, write_study

VOTER = Path(__file__).with_name("voter.py")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE votes SET answer = '{}'", "a vote is never changed"),
        ("DELETE FROM votes", "a vote is never deleted"),
        ("UPDATE withdrawals SET time = 0", "a withdrawal is never changed"),
        ("DELETE FROM withdrawals", "a withdrawal is never deleted"),
        ("UPDATE assignments SET annotator = 'bo'", "an assignment is never given to another"),
        ("UPDATE assignments SET first = 'a', item = 'q1'", "an assignment is never given to another"),
        ("DELETE FROM assignments", "an assignment is never deleted"),
        ("INSERT INTO votes (assignment, time, answer) VALUES (1, 0, '{}')", "UNIQUE constraint failed"),
        ("INSERT INTO withdrawals VALUES (1, 0)", "UNIQUE constraint failed"),
    ],
)
def test_nothing_is_overwritten(database: Database, assigner: Assigner, statement, message):
    step = assigner.submit("quality", "anna", assigner.show("quality", "anna").assignment.id, ANSWER)
    assigner.undo("quality", "anna", step.assignment.id)
    with pytest.raises(sqlite3.IntegrityError, match=message):
        database.read().execute(statement)
    assert [tuple(row) for row in database.read().execute("SELECT id, answer FROM votes")] == [(1, json.dumps(ANSWER))]


def test_a_transaction_that_fails_leaves_nothing(database: Database):
    with pytest.raises(ZeroDivisionError), database.write() as sql:
        sql.execute("INSERT INTO links VALUES ('anna', 'hash')")
        raise ZeroDivisionError
    assert database.read().execute("SELECT count(*) FROM links").fetchone()[0] == 0


def test_votes_are_on_the_disk_before_they_are_acknowledged(database: Database):
    assert database.read().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert database.read().execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_same_study_is_stored_once(database: Database, study: Study):
    shuffled = Study({task: dict(reversed(items.items())) for task, items in study.tasks.items()})
    database.add_study(shuffled, seed=1)
    assert database.read().execute("SELECT count(*) FROM items").fetchone()[0] == 8


def test_another_study_is_refused(database: Database, tmp_path: Path):
    other = read_study(write_study(tmp_path / "other", items=5))
    with pytest.raises(UserError, match=r"annotation.sqlite: contains votes on quality items of another study"):
        database.add_study(other, seed=0)


def test_a_task_may_be_added(tmp_path: Path, study: Study):
    database = Database(tmp_path / "votes.sqlite")
    database.add_study(Study({"quality": study.tasks["quality"]}), seed=0)
    database.add_study(study, seed=0)
    assert database.read().execute("SELECT count(*) FROM items").fetchone()[0] == 8


def test_file_that_is_not_a_database_is_refused(tmp_path: Path):
    (tmp_path / "votes.sqlite").write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(UserError, match=r"votes.sqlite: cannot be used for votes \("):
        Database(tmp_path / "votes.sqlite")


def test_unwritable_path_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used for votes"):
        Database(tmp_path / "file" / "votes.sqlite")
    (tmp_path / "votes.sqlite").mkdir()
    with pytest.raises(UserError, match=r"votes.sqlite: cannot be used for votes \("):
        Database(tmp_path / "votes.sqlite")


def test_missing_database_is_not_created(tmp_path: Path):
    with pytest.raises(UserError, match="no votes yet; serve the page first"):
        open_existing(tmp_path / "votes.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_killed_process_loses_no_acknowledged_vote(tmp_path: Path, repository: Path):
    database = Database(tmp_path / "votes.sqlite")
    database.add_study(read_study(write_study(tmp_path / "study", items=400)), seed=0)
    command = [sys.executable, VOTER, database.path, "1", "1", "anna"]
    voter = subprocess.Popen(command, cwd=repository, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True)
    acknowledged = [voter.stdout.readline().split()[1] for _ in range(20)]
    voter.send_signal(signal.SIGKILL)
    acknowledged += [line.split()[1] for line in voter.stdout if line.endswith("\n")]
    assert voter.wait() == -signal.SIGKILL

    rows = database.read().execute("SELECT item FROM votes JOIN assignments ON assignments.id = assignment ORDER BY 1")
    voted = [row["item"] for row in rows]
    assert set(acknowledged) <= set(voted)
    assert len(voted) == len(set(voted)) <= len(acknowledged) + 1  # the one whose answer was under way
    assert database.read().execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize(
    ("pressed", "first", "choice"),
    [
        ("left", "a", "a"),
        ("right", "a", "b"),
        ("left", "b", "b"),
        ("right", "b", "a"),
        ("tie", "b", "tie"),
        ("both_bad", "a", "both_bad"),
    ],
)
def test_side_is_translated_to_an_answer(pressed, first, choice):
    assert choice_from_button(pressed, first) == choice
