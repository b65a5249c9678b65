"""The report as it is read: in a real browser, from a file, on a desk and on a phone."""

import pytest

from kun_recipes.chain.report.gather import gather
from tests.browser import browsers
from tests.chain.report.test_report import ATTACK, config, write_report
from tests.chain.report.test_study import with_study
from tests.publishing.run_folder import RunFolder

pytestmark = pytest.mark.browser


@pytest.fixture
def page_file(tmp_path, tiny_model, in_repository):
    run = RunFolder(tmp_path, tiny_model)
    run.rows[0] |= {"instruction": ATTACK, "output": ATTACK, "text": ATTACK, "title": ATTACK}
    run.write()
    asked = config(run, study_results=with_study(run.folder))
    return write_report(asked, gather(asked))


@pytest.mark.parametrize("width", [1280, 390])
def test_page_opens_from_a_file_without_requests(page_file, width):
    with browsers() as open_profile:
        page = open_profile(viewport={"width": width, "height": 900}).pages[0]
        requests, complaints = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())
        page.goto(page_file.as_uri())
        assert [url for url in requests if not url.startswith("data:")] == [page_file.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter(one => !one.complete || !one.naturalWidth).length"
        assert page.evaluate("document.images.length") >= 6 and page.evaluate(broken) == 0
        loaded = """document.fonts.load("16px 'Kun glyphs'", "水的沸点").then(found => found.map(one => one.status))"""
        assert page.evaluate(loaded) == ["loaded"]
        assert complaints == []


def test_search_shows_matching_rows_only(page_file):
    with browsers() as open_profile:
        page = open_profile().pages[0]
        page.goto(page_file.as_uri())
        page.fill("#search", "防冻液")
        shown = page.locator("article.row:visible")
        assert shown.count() == 2 and all("防冻液" in text for text in shown.all_text_contents())
        assert page.inner_text("#found") == "2 / 6"
        page.fill("#search", "")
        assert page.locator("article.row:visible").count() == 6
