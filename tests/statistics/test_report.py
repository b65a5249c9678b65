"""Figures: what they show of the numbers, and that nothing is missing where there is nothing to show."""

import pytest

from kun_recipes.reporting.language import speaking
from kun_recipes.statistics import report


@pytest.fixture
def sets() -> dict:
    def lengths(bins: list[int]) -> dict:
        return {"bin_edges": [0, 5, 10], "bin_rows": bins, "median": 6}

    topics = [{"name": f"题{number}", "english": f"T{number}", "rows": 12 - number} for number in range(12)]
    forms = {"question": {"share": 0.5}, "imperative": {"share": 0.48}, "other": {"share": 0.02}}
    one = {
        "rows": 4,
        "sources": {"wudao": {"rows": 3}, "": {"rows": 1}},
        "lengths": {"instruction": lengths([1, 3, 0]), "output": lengths([0, 2, 2])},
        "years": {"share": 0.5, "last_20": {"2023": 2, "2024": 0}},
        "forms": forms,
        "topics": {"text_type": {"title": "文体", "asked": 90, "agreed": 78, "topics": topics}},
    }
    other = one | {"years": {"share": 0.0, "last_20": {"2023": 0, "2024": 0}}}
    return {"dataset": one, "COIG": other}


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_lengths_end_where_the_data_ends(sets):
    instruction, output = report.lengths(sets).axes
    assert instruction.get_xlim() == (0, 15)
    assert instruction.get_xlabel() == "tokens"
    assert output.get_xlabel() == "tokens (last bin: ≥ 10)"
    assert [text.get_text() for text in output.get_legend().texts] == ["dataset (median 6)", "COIG (median 6)"]


def test_sources_and_topics_carry_their_counts(sets):
    (axes,) = report.sources(sets).axes
    assert texts(axes) == ["3 (75.0%)", "1 (25.0%)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wudao", "(not stated)"]
    (axes,) = report.topics(sets).axes
    assert len(axes.patches) == 10
    assert texts(axes)[0] == "12 (15.4%)"
    assert "consistent answers for 78 of 90 pairs" in axes.get_title(loc="left") + axes.get_title()
    assert axes.get_yticklabels()[0].get_text() == "T0"


def test_chinese_figures_are_chinese_throughout(sets):
    with speaking("zh"):
        _, output = report.lengths(sets).axes
        (sources,) = report.sources(sets).axes
        (topics,) = report.topics(sets).axes
    assert output.get_xlabel() == "token 数（最右一格：≥ 10）"
    assert [text.get_text() for text in output.get_legend().texts] == ["数据集（中位数 6）", "COIG（中位数 6）"]
    assert texts(sources) == ["3（75.0%）", "1（25.0%）"]
    assert sources.get_yticklabels()[1].get_text() == "（未注明）"
    assert "文体（前 10）\n90 条中 78 条各次一致" in topics.get_title(loc="left") + topics.get_title()
    assert topics.get_yticklabels()[0].get_text() == "题0"


def test_empty_topic_and_year_figures_have_a_note(sets):
    sets["dataset"]["topics"]["text_type"] |= {
        "agreed": 0,
        "topics": [{"name": "题", "english": "T", "rows": 0}],
    }
    assert texts(report.topics(sets).axes[0]) == ["no consistent answers"]
    named, unnamed = report.years(sets).axes
    assert texts(named) == ["2", ""]
    assert texts(unnamed)[-1] == "none of these twenty years is mentioned"


def test_forms_are_stacked_to_one(sets):
    (axes,) = report.forms(sets).axes
    assert axes.patches[0].get_width() == 0.5
    assert axes.patches[-1].get_x() + axes.patches[-1].get_width() == pytest.approx(1)
    assert texts(axes) == ["50%", "50%", "48%", "48%", "", ""]
