from starlette.testclient import TestClient

from kun_recipes.annotation.admin import Admin
from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.export import read_votes
from kun_recipes.annotation.progress import agreement, by_annotator, by_task
from tests.annotation.conftest import ANSWER


def finish(assigner: Assigner, name: str, output: str) -> None:
    step = assigner.show("quality", name)
    while step.turn:
        step = assigner.submit("quality", name, step.turn.assignment, ANSWER | {"output": output})


def test_progress_by_task_and_annotator(assigner, database):
    finish(assigner, "anna", "pass")
    last = assigner.show("quality", "bo")
    assigner.clock.now += 5
    assigner.submit("quality", "bo", last.turn.assignment, ANSWER)
    quality, preference = by_task(database, 2)
    assert (quality.task, quality.items, quality.votes, quality.wanted, quality.finished) == ("quality", 4, 5, 8, 1)
    assert (preference.task, preference.votes, preference.finished) == ("preference", 0, 0)
    anna, bo, chen = by_annotator(database, ["anna", "bo", "chen"])
    assert (anna.votes, anna.last) == ({"quality": 4}, 1000)
    assert (bo.votes, bo.last) == ({"quality": 1}, 1005)
    assert (chen.votes, chen.last) == ({}, None)


def test_removed_annotator_is_still_listed(assigner, database):
    finish(assigner, "anna", "pass")
    assert [one.name for one in by_annotator(database, ["bo"])] == ["bo", "anna"]


def test_agreement_by_question(assigner, config):
    finish(assigner, "anna", "pass")
    finish(assigner, "bo", "fail")
    found = agreement(read_votes(config.database), raters=2)
    assert list(found) == ["clarity", "feasibility", "practicality", "output"]
    assert found["clarity"]["identical"] == {"all_same": 4, "some_same": 0, "all_different": 0}
    assert found["output"]["identical"] == {"all_same": 0, "some_same": 0, "all_different": 4}
    assert found["output"]["percent"]["value"] == 0
    assert found["clarity"]["percent"]["value"] == 1


def test_admin_page_shows_progress_and_agreement(assigner, config, database):
    config.votes_per_item = 2
    page = Admin(config, database).render("zh")
    assert "还没有投票" in page
    finish(assigner, "anna", "pass")
    finish(assigner, "bo", "fail")
    page = Admin(config, database).render("en")
    assert '<td>anna</td><td class="n">4</td>' in page
    assert '<td>Output</td>\n<td class="n">0</td><td class="n">0</td><td class="n">4</td>' in page


def test_database_can_be_downloaded(assigner, config, database, tmp_path):
    from fastapi import FastAPI

    finish(assigner, "anna", "pass")
    app = FastAPI()
    app.router.routes += Admin(config, database).routes()
    answer = TestClient(app).get("/admin/database")
    assert "annotation.sqlite" in answer.headers["content-disposition"]
    (tmp_path / "copy.sqlite").write_bytes(answer.content)
    assert read_votes(tmp_path / "copy.sqlite") == read_votes(config.database)
