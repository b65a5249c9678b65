"""The page in a real browser: Chromium, headless, driven by Playwright."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from tests.annotation.conftest import HOSTILE, NAMES, write_study
from tests.annotation.serving import Server
from tests.browser import browsers

ITEMS = 3
pytestmark = pytest.mark.browser


class Annotator:
    """Somebody at a page.

    Attributes:
        asked: addresses that their browser asked for.
    """

    def __init__(self, context, link: str):
        self.page, self.link = context.pages[0], link
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.set_default_timeout(30_000)

    def open(self, address: str | None = None) -> None:
        self.page.goto(address or self.link)
        self.settled()

    def settled(self, other_than: str | None = None) -> str:
        """Wait until an item takes votes, and say which; a page that reloads has no body at first."""
        ready = "document.body?.dataset.ready"
        shown = self.page.wait_for_function(f"other => ({ready} ?? other) !== other && {ready}", arg=other_than)
        return shown.json_value()

    @property
    def is_done(self) -> bool:
        return self.settled() == "done"

    def press(self, *keys: str) -> None:
        """Press keys, of which the last brings another item."""
        before = self.settled()
        for key in keys:
            self.page.keyboard.press(key)
        self.settled(before)

    def click(self, *selectors: str) -> None:
        before = self.settled()
        for selector in selectors:
            self.page.click(selector)
        self.settled(before)


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable]:
    """Opens a fresh profile, as of another person."""
    with browsers() as open_profile:
        yield open_profile


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("annotation")
    server = Server(write_study(folder / "study", ITEMS), folder / "out", NAMES)
    server.database = folder / "out" / "annotation.sqlite"
    yield server
    server.stop()


@pytest.fixture(scope="module")
def annotators(browser, served) -> dict[str, Annotator]:
    """Three people, one of them on a phone."""
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    return {name: Annotator(browser(**(phone if name == "chen" else {})), served.links[name]) for name in NAMES}


def votes(server: Server) -> Counter:
    """Votes by annotator and task, without those withdrawn."""
    with sqlite3.connect(server.database) as sql:
        rows = sql.execute(
            "SELECT annotator, task FROM votes JOIN assignments ON assignments.id = assignment "
            "WHERE votes.id NOT IN (SELECT vote FROM withdrawals)"
        ).fetchall()
    return Counter(rows)


def test_page_without_a_key_is_refused(browser, served):
    page = browser().pages[0]
    assert page.goto(f"http://127.0.0.1:{served.port}/zh/quality/").status == 403
    assert "个人链接" in page.inner_text("body")


def test_three_annotators_finish_despite_a_killed_server(annotators, served):
    anna, bo, chen = annotators.values()
    for one in annotators.values():
        one.open()
    assert anna.page.inner_text("#progress span") == "0 / 3"
    anna.page.keyboard.press("1")
    anna.page.keyboard.press("Enter")
    anna.page.get_by_text("还有没答的").wait_for()
    assert votes(served) == {}
    anna.press("2", "2", "3", "w", "Enter")
    assert anna.page.locator("#notice p").count() == 0
    bo.click(
        "#clarity label >> nth=0",
        "#feasibility label >> nth=0",
        "#practicality label >> nth=1",
        "#grade label >> nth=2",
        "#submit",
    )
    chen.click(
        "#clarity label >> nth=0",
        "#feasibility label >> nth=0",
        "#practicality label >> nth=0",
        "#grade label >> nth=0",
        "#submit",
    )

    before = anna.settled()
    anna.page.keyboard.press("1")
    served.kill()
    served.start()
    for one in annotators.values():
        one.page.reload()
        one.settled()
        assert one.page.inner_text("#progress span") == "1 / 3"  # resumes where one left off
    assert anna.settled() == before
    assert votes(served) == {(name, "quality"): 1 for name in NAMES}

    while not anna.is_done:
        anna.press("1", "2", "3", "q", "Enter")
    bo.press("1", "2", "3", "e", "Enter")
    before = bo.settled()
    served.kill()
    for key in ("1", "2", "3", "e", "Enter"):
        bo.page.keyboard.press(key)
    bo.page.get_by_text("Connection to the server was lost").wait_for()
    with bo.page.expect_event("load"):  # the page comes back by itself
        served.start()
    assert bo.settled() == before
    assert votes(served)["bo", "quality"] == 2
    for one in (anna, chen):
        one.page.reload()
    while not bo.is_done:
        bo.press("1", "2", "3", "e", "Enter")
    while not chen.is_done:
        chen.click(
            "#clarity label >> nth=1",
            "#feasibility label >> nth=1",
            "#practicality label >> nth=1",
            "#grade label >> nth=1",
            "#submit",
        )

    for one, keys in ((anna, "a"), (bo, "t")):
        one.page.click("header a >> nth=1")
        while not one.is_done:
            one.press(keys)
    chen.page.click("header a >> nth=1")
    while not chen.is_done:
        chen.click("#right")
    assert votes(served) == {(name, task): ITEMS for name in NAMES for task in ("quality", "preference")}


def test_stored_votes_are_the_pressed_keys(served):
    with sqlite3.connect(served.database) as sql:
        answers = sql.execute(
            "SELECT annotator, answer FROM votes JOIN assignments ON assignments.id = assignment "
            "WHERE task = 'preference'"
        ).fetchall()
        first = sql.execute("SELECT answer FROM votes WHERE id = 1").fetchone()[0]
    assert set(answers) == {
        ("anna", '{"pressed": "left"}'),
        ("bo", '{"pressed": "tie"}'),
        ("chen", '{"pressed": "right"}'),
    }
    assert first == '{"clarity": true, "feasibility": false, "practicality": true, "output": "pass"}'


def test_undo_brings_back_the_item_and_its_answers(annotators, served):
    anna = annotators["anna"]
    anna.open()
    assert anna.is_done
    anna.press("z")
    assert anna.page.inner_text("#progress span") == "2 / 3"
    checked = anna.page.eval_on_selector_all("input:checked", "inputs => inputs.map(input => input.value)")
    assert checked == ["yes", "yes", "yes", "excellent"]
    anna.press("Backspace")
    anna.press("Enter")
    anna.press("Enter")
    assert anna.is_done
    assert votes(served)["anna", "quality"] == ITEMS


def test_a_double_click_votes_once(annotators, served):
    chen = annotators["chen"]
    chen.open(f"http://127.0.0.1:{served.port}/zh/preference/")
    chen.click("#undo")
    chen.click("#undo")
    assert votes(served)["chen", "preference"] == ITEMS - 2
    before = chen.settled()
    chen.page.dblclick("#left")
    assert chen.settled(before) != "done"
    assert votes(served)["chen", "preference"] == ITEMS - 1
    chen.click("#left")
    assert chen.is_done


def test_script_in_an_answer_is_text(annotators, served):
    anna = annotators["anna"]
    for task in ("quality", "preference"):
        anna.open(f"http://127.0.0.1:{served.port}/en/{task}/")
        anna.press("z")
        said = anna.page.locator("#item .said").all_inner_texts()
        assert any(text.endswith(HOSTILE) for text in said)
        assert anna.page.locator("#item script, #item img, #item b, #item strong").count() == 0
        assert anna.page.title() == {"quality": "Quality", "preference": "Preference"}[task]
        anna.press("Enter" if task == "quality" else "a")


@pytest.mark.parametrize("task", ["quality", "preference"])
def test_phone_page_scrolls_vertically_with_reachable_buttons(annotators, served, task):
    chen = annotators["chen"]
    chen.open(f"http://127.0.0.1:{served.port}/zh/{task}/")
    chen.click("#undo")
    assert chen.page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("submit",) if task == "quality" else ("left", "right", "tie"):
        box = chen.page.locator(f"#{name}").bounding_box()
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 844
    cards = [card.bounding_box() for card in chen.page.locator("#item .card").all()]
    assert all(upper["y"] + upper["height"] <= lower["y"] for upper, lower in pairwise(cards))
    chen.click("#submit" if task == "quality" else "#left")


def test_the_criteria_are_one_click_away(annotators, served):
    anna = annotators["anna"]
    anna.open(f"http://127.0.0.1:{served.port}/zh/quality/")
    assert not anna.page.get_by_text("没有歧义").is_visible()
    anna.page.click("#rubric button")
    anna.page.get_by_text("没有歧义").wait_for(state="visible")


def test_the_admin_sees_progress(browser, served):
    page = browser(viewport={"width": 390, "height": 844}).pages[0]
    page.goto(served.links["admin"])
    page.get_by_text("进度与一致性").first.wait_for()
    assert "9 / 9 票" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_no_request_leaves_this_machine(annotators, served):
    asked = [address for one in annotators.values() for address in one.asked]
    assert len(asked) > 100
    assert [address for address in asked if not address.startswith(f"http://127.0.0.1:{served.port}/")] == []
