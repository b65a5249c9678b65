"""The report: it shows what the run left, nothing of a row is live in it, and it asks for nothing outside itself."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from kun_recipes.chain.report.config import ReportConfig
from kun_recipes.chain.report.gather import gather
from kun_recipes.chain.report.page import embedded_font, write_report
from kun_recipes.config.command_line import load
from kun_recipes.errors import UserError
from tests.publishing.run_folder import RunFolder
from tests.rounds.gain_folder import write_gain

ATTACK = '<script>alert(1)</script><img src="https://example.org/x.png" onerror="alert(2)">'


@pytest.fixture
def run(tmp_path, tiny_model, in_repository) -> RunFolder:
    return RunFolder(tmp_path, tiny_model)


def config(run: RunFolder, **changes: object) -> ReportConfig:
    names = ("corpus_dir", "label_dir", "refine_dir", "model_dirs")
    given = {name: run.options[name] for name in names} | {"output_dir": run.folder / "report", "title": "试验"}
    words = [
        str(word)
        for key, value in (given | changes).items()
        for word in (f"--{key}", *(value if isinstance(value, list) else [value]))
    ]
    return load(ReportConfig, words)


def page_of(run: RunFolder, **changes: object) -> str:
    asked = config(run, **changes)
    return write_report(asked, gather(asked)).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Names of the elements of a page, and the addresses that they load."""

    def __init__(self, page: str):
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.addresses += [value for key, value in attributes if key in ("src", "href", "srcset", "data")]


def test_the_page_says_how_sure_the_judges_are(run):
    page = re.sub(r"\s*\n", "", page_of(run))
    measured = "<td>0.90 [0.79, 0.96]</td><td>0.70 [0.67, 0.89]</td><td>0.07</td><td>50</td>"
    assert f"<td>score</td>{measured}<td>+0.10</td><td>+0.50</td><td>config</td>" in page


def test_the_first_screen_says_how_good_the_rows_are(run):
    first_screen = page_of(run).partition('id="funnel"')[0]
    assert "pairs kept" in first_screen and "Not verified: no answer was compared with its segment" in first_screen


def test_the_page_shows_rows_with_their_history(run):
    page = page_of(run, rows=4)
    assert page.count('<article class="row">') == 4
    row = gather(config(run)).rows[0]
    for shown in (row["instruction"], row["output"], row["text"], row["label_model"], "perplexity 1.65", "P(是) 0.88"):
        assert shown in page
    assert "4 of 6 pairs" in page


def test_removed_rows_are_counted_by_reason_and_shown(run):
    reasons = gather(config(run)).removed["corpus"]
    assert [(one.block, one.name, one.tally.rows) for one in reasons] == [("decontamination", "contaminated", 1)]
    page = page_of(run)
    assert re.search(r"<summary><b>1</b>contaminated <span class=\"small\">decontamination</span></summary>", page)
    assert "measured <b>evaluation_prompts/3 0.91</b>" in page
    assert 'class="example"' not in page_of(run, examples=0)


def test_stages_stand_in_the_order_in_which_they_ran(run):
    names = ["corpus", "label_model", "primary_chat_model", "label", "refine", "final_model"]
    assert list(gather(config(run)).all_stages()) == names


def test_further_candidates_are_told_apart_from_removed_rows(run):
    assert "further candidates" not in page_of(run)
    run.write_not_best("label", 1234)
    assert page_of(run).count("Beside these rows 1,234 further candidates were written") == 1


def test_costs_count_the_tokens_that_models_wrote(run):
    assert gather(config(run)).tokens == {
        "label": 8 * 8,  # rows kept, and two that later blocks removed
        "refine": 6 * 24,
        **dict.fromkeys(("label_model", "primary_chat_model", "final_model"), 900),
    }


def test_row_text_is_escaped_and_nothing_is_loaded_from_outside(run):
    clean = Elements(page_of(run))
    run.rows[0] |= {"instruction": ATTACK, "output": ATTACK, "text": ATTACK, "title": ATTACK}
    run.write()
    attacked = Elements(page_of(run))
    assert attacked.names == clean.names
    assert all(address.startswith(("#", "data:")) for address in attacked.addresses)


def test_font_is_subset_to_the_characters_of_the_page():
    font = TTFont(io.BytesIO(base64.b64decode(embedded_font("学科A学"))))
    assert set(font.getBestCmap()) == set(map(ord, "学科A"))


def test_every_figure_is_also_a_file(run):
    page_of(run)
    found = {path.name for path in Path(run.folder, "report", "figures").iterdir()}
    assert found == {"funnel.svg", "funnel.png"}


def test_each_comparison_of_rounds_has_a_section(run):
    rounds = ("round_1", "round_2"), ("round_2", "round_3")
    page = page_of(run, stages=[write_gain(run.folder, *two) for two in rounds])
    for before, after in rounds:
        assert f'<h2 id="does-{after}-help">Does {after} help</h2>' in page
        assert f"{after} helps: label model&#39;s loss on 40 held-out pairs fell." in page
        assert f"{after} against {before}" in page
        assert Path(run.folder, "report", "figures", f"gain_{after}.png").is_file()
    assert page.count("<td>-0.200 [-0.300, -0.100]</td><td>better</td>") == 2
    assert f"<td>gain {rounds[0][1]}</td><td>9</td>" in page  # what it took


def test_the_same_comparison_twice_is_refused(run):
    folder = write_gain(run.folder, "round_1", "round_2")
    with pytest.raises(UserError, match="gain round_2 is given twice"):
        gather(config(run, stages=[folder, folder]))


def test_a_run_that_is_not_finished_is_refused(run):
    Path(run.folder, "refine", "stage.json").unlink()
    with pytest.raises(UserError, match=r"refine: no finished stage \(stage.json is missing\); run that stage first"):
        gather(config(run))
