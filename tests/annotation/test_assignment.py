import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kun_recipes.annotation.assignment import Assigner, Step
from kun_recipes.annotation.storage import Database
from kun_recipes.annotation.study import Study, read_study
from kun_recipes.studies.items import QualityItem
from tests.annotation.conftest import ANSWER, NAMES, Clock, write_study
from tests.annotation.test_storage import VOTER

VOTED = "SELECT item, annotator FROM assignments WHERE task = 'quality' AND state = 'voted'"
LIVE = """
SELECT item, annotator FROM votes JOIN assignments ON assignments.id = assignment
WHERE votes.id NOT IN (SELECT vote FROM withdrawals)
"""


def vote(assigner: Assigner, name: str, step: Step) -> Step:
    return assigner.submit("quality", name, step.assignment.id, ANSWER)


def vote_on_all(assigner: Assigner, name: str) -> int:
    step, votes = assigner.show("quality", name), 0
    while step.assignment:
        step = vote(assigner, name, step)
        votes += step.outcome == "saved"
    return votes


def votes_by_item(database: Database) -> Counter:
    return Counter(row["item"] for row in database.read().execute(LIVE))


def test_each_item_gets_its_votes_once_per_annotator(assigner, database):
    turns = {name: assigner.show("quality", name) for name in NAMES}
    while open_turns := {name: step for name, step in turns.items() if step.assignment}:
        turns |= {name: vote(assigner, name, step) for name, step in open_turns.items()}
        assert max(votes_by_item(database).values()) - min(votes_by_item(database)[f"q{n}"] for n in range(4)) <= 1
    assert set(votes_by_item(database).values()) == {2}
    pairs = [tuple(row) for row in database.read().execute(VOTED)]
    assert len(pairs) == len(set(pairs)) == 8


def test_an_open_item_is_shown_again(assigner):
    first = assigner.show("quality", "anna")
    assert assigner.show("quality", "anna") == first
    assert (first.outcome, first.done, first.total) == ("shown", 0, 3)  # two votes on four items, by three


def test_tasks_are_counted_separately(assigner):
    vote(assigner, "anna", assigner.show("quality", "anna"))
    assert assigner.show("preference", "anna").done == 0


def test_a_vote_sent_twice_counts_once(assigner, database):
    shown = assigner.show("quality", "anna")
    assert vote(assigner, "anna", shown).outcome == "saved"
    again = assigner.submit("quality", "anna", shown.assignment.id, ANSWER | {"output": "fail"})
    assert again.outcome == "repeated"
    assert again.done == 1
    assert sum(votes_by_item(database).values()) == 1
    assert '"pass"' in database.read().execute("SELECT answer FROM votes").fetchone()[0]


@pytest.mark.parametrize("task", ["quality", "preference"])
def test_assignment_of_another_annotator_is_refused(assigner, database, task):
    shown = assigner.show("quality", "anna")
    step = assigner.submit(task, "bo" if task == "quality" else "anna", shown.assignment.id, ANSWER)
    assert step.outcome == "late"
    assert not votes_by_item(database)


def test_undo_withdraws_the_last_vote(assigner, database):
    first = assigner.show("quality", "anna")
    second = vote(assigner, "anna", first)
    undone = assigner.undo("quality", "anna", second.assignment.id)
    assert undone.outcome == "undone"
    assert (undone.assignment.item, undone.assignment.first, undone.assignment.withdrawn) == (
        first.assignment.item,
        first.assignment.first,
        ANSWER,
    )
    assert undone.assignment.id != first.assignment.id
    assert (undone.done, sum(votes_by_item(database).values())) == (0, 0)
    # sent twice, the page still showing the second item: nothing more happens
    assert assigner.undo("quality", "anna", second.assignment.id).outcome == "nothing"
    assert vote(assigner, "anna", undone).assignment.item == second.assignment.item
    kept = database.read().execute("SELECT (SELECT count(*) FROM votes), (SELECT count(*) FROM withdrawals)")
    assert tuple(kept.fetchone()) == (2, 1)


def test_undo_after_the_last_item(assigner):
    vote_on_all(assigner, "anna")
    done = assigner.show("quality", "anna")
    assert (done.assignment, done.done, done.total) == (None, 4, 4)
    assert assigner.undo("quality", "anna", None).outcome == "undone"


def test_vote_without_an_assignment_is_ignored(assigner, database):
    assert assigner.submit("quality", "anna", None, ANSWER).outcome == "nothing"
    assert not votes_by_item(database)


def test_undo_without_votes(assigner):
    assert assigner.undo("quality", "anna", assigner.show("quality", "anna").assignment.id).outcome == "nothing"


def test_an_unfinished_item_goes_to_others_after_the_timeout(database, clock):
    assigner = Assigner(database, 1, 3, 60, seed=0, clock=clock)
    left = assigner.show("quality", "anna")
    assert vote_on_all(assigner, "bo") == 3  # not the one that anna has
    clock.now += 61
    assert vote_on_all(assigner, "bo") == 1
    assert vote(assigner, "anna", left).outcome == "late"
    assert set(votes_by_item(database).values()) == {1}


def test_a_late_vote_counts_where_it_is_still_wanted(assigner, clock, database):
    shown = assigner.show("quality", "anna")
    clock.now += 3600
    assert vote(assigner, "anna", shown).outcome == "saved"


def test_showing_an_item_again_restarts_its_time(database, clock):
    assigner = Assigner(database, 1, 3, 60, seed=0, clock=clock)
    shown = assigner.show("quality", "anna")
    clock.now += 50
    assigner.show("quality", "anna")
    clock.now += 50
    assert vote_on_all(assigner, "bo") == 3
    assert vote(assigner, "anna", shown).outcome == "saved"


def test_left_answer_is_random_per_item_and_annotator(tmp_path):
    items = {f"q{n}": QualityItem(f"q{n}", "s", "i", "o") for n in range(200)}
    firsts = []
    for folder, seed in (("one", 0), ("same", 0), ("other", 1)):
        database = Database(tmp_path / folder / "votes.sqlite")
        database.add_study(Study({"quality": items}), seed=0)
        for name in NAMES:
            vote_on_all(Assigner(database, 3, 3, 60, seed), name)
        rows = database.read().execute("SELECT item, annotator, first FROM assignments ORDER BY 1, 2")
        firsts.append([row["first"] for row in rows])
    one, same, other = firsts
    assert one == same != other
    assert 240 < one.count("a") < 360  # of 600: five standard deviations are 61
    assert len({tuple(one[n : n + 3]) for n in range(0, 600, 3)}) == 8  # an item stands otherwise for each annotator


def test_concurrent_threads_share_the_items(tmp_path):
    database = Database(tmp_path / "votes.sqlite")
    database.add_study(read_study(write_study(tmp_path / "study", items=20)), seed=0)
    assigner = Assigner(database, 3, 8, 60, seed=0)
    with ThreadPoolExecutor(8) as pool:
        votes = list(pool.map(lambda name: vote_on_all(assigner, name), [f"a{n}" for n in range(8)]))
    assert sum(votes) == 60
    assert Counter(votes_by_item(database).values()) == {3: 20}


def test_concurrent_processes_share_the_items(tmp_path, repository):
    database = Database(tmp_path / "votes.sqlite")
    database.add_study(read_study(write_study(tmp_path / "study", items=15)), seed=0)
    command = [sys.executable, VOTER, database.path, "2", "3"]
    voters = [
        subprocess.Popen([*command, name], cwd=repository, env={"PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True)
        for name in NAMES
    ]
    acknowledged = [tuple(line.split()) for voter in voters for line in voter.communicate()[0].splitlines()]
    stored = [(row["annotator"], row["item"]) for row in database.read().execute(LIVE)]
    assert sorted(acknowledged) == sorted(stored)
    assert Counter(votes_by_item(database).values()) == {2: 15}


ACTIONS = st.tuples(st.sampled_from(NAMES), st.sampled_from(["show", "vote", "repeat", "undo", "wait"]))


@settings(max_examples=40)
@given(st.lists(ACTIONS, max_size=40))
def test_any_sequence_of_actions_keeps_votes_consistent(actions):
    items = {f"q{n}": QualityItem(f"q{n}", "s", "i", "o") for n in range(3)}
    with tempfile.TemporaryDirectory() as folder:
        database, clock = Database(Path(folder) / "votes.sqlite"), Clock()
        database.add_study(Study({"quality": items}), seed=0)
        assigner = Assigner(database, 2, 3, 60, seed=0, clock=clock)
        shown: dict[str, int | None] = dict.fromkeys(NAMES)
        for name, action in actions:
            step = _act(assigner, clock, name, action, shown[name])
            if step and action != "repeat":
                shown[name] = step.assignment.id if step.assignment else None
            live = [tuple(row) for row in database.read().execute(LIVE)]
            assert len(live) == len(set(live))
            assert max(Counter(item for item, _ in live).values(), default=0) <= 2
            assert sorted(live) == sorted(tuple(row) for row in database.read().execute(VOTED))
        clock.now += 61
        for name in NAMES:
            vote_on_all(assigner, name)
        assert votes_by_item(database) == dict.fromkeys(items, 2)


def _act(assigner: Assigner, clock: Clock, name: str, action: str, shown: int | None) -> Step | None:
    if action == "wait":
        clock.now += 40
        return None
    if action == "undo":
        return assigner.undo("quality", name, shown)
    if action == "show" or shown is None:
        return assigner.show("quality", name)
    return assigner.submit("quality", name, shown, ANSWER)
