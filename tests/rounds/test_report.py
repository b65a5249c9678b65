"""The table and the figure of a comparison."""

import pytest

from kun_recipes.reporting.drawing import GREEN, GREY, RED, style
from kun_recipes.reporting.tables import to_markdown
from kun_recipes.rounds.changes import Change
from kun_recipes.rounds.figures import gain_figure
from kun_recipes.rounds.tables import figure_name, gain_table

CHANGES = [
    Change("label_loss", "label model's loss", "nats per token", "lower", "40 pairs", 2.5, 2.3, -0.3, -0.1),
    Change("auc", "AUC of the score judge", "", "higher", "50 items", 0.9, 0.8, -0.15, -0.05),
    Change("kept", "kept", "", "neither", "9 and 8 rows", 0.5, 0.6, -0.2, 0.4),
    Change("length", "length of outputs", "tokens", "neither", "9 and 8 rows", 50.0, 61.25, 3.0, 19.5),
    Change("repeated", "near duplicates", "", "lower", "8 rows", None, 0.25),
]


def comparison(changes: list[Change]) -> dict:
    return {"before": "round_1", "after": "round_2", "changes": [change.to_dict() for change in changes]}


def test_the_table_has_each_measure_with_its_interval():
    table = gain_table(comparison(CHANGES))
    assert table.head == ("measure", "on", "round_1", "round_2", "difference", "")
    assert table.rows == (
        (
            "label model's loss (nats per token, lower is better)",
            "40 pairs",
            "2.500",
            "2.300",
            "-0.200 [-0.300, -0.100]",
            "better",
        ),
        (
            "AUC of the score judge (higher is better)",
            "50 items",
            "0.900",
            "0.800",
            "-0.100 [-0.150, -0.050]",
            "worse",
        ),
        ("kept", "9 and 8 rows", "0.500", "0.600", "+0.100 [-0.200, +0.400]", "–"),
        ("length of outputs (tokens)", "9 and 8 rows", "50.0", "61.2", "+11.2 [+3.0, +19.5]", "changed"),
        ("near duplicates (lower is better)", "8 rows", "–", "0.250", "–", "–"),
    )
    assert to_markdown(table).startswith("**round_2 against round_1**\n")


def test_the_figure_has_a_panel_per_unit_and_the_colour_of_each_verdict():
    with style():
        figure = gain_figure(comparison(CHANGES))
    assert [axes.get_xlabel() for axes in figure.axes] == ["tokens", "nats per token", "share, area or score"]
    assert [[tick.get_text() for tick in axes.get_yticklabels()] for axes in figure.axes] == [
        ["length of outputs"],
        ["label model's loss"],
        ["AUC of the score judge", "kept"],
    ]
    spans = figure.axes[2].lines[1::2]
    assert [(list(line.get_xdata()), line.get_color()) for line in spans] == [
        ([-0.15, -0.05], RED),
        ([-0.2, 0.4], GREY),
    ]
    assert figure.axes[1].lines[1].get_color() == GREEN


@pytest.mark.parametrize("changes", [[], CHANGES[-1:]])
def test_a_figure_without_an_interval_says_so(changes):
    with style():
        figure = gain_figure(comparison(changes))
    assert not figure.axes and "no difference has an interval" in figure.texts[0].get_text()


def test_each_comparison_of_a_run_has_a_figure_of_its_own():
    assert figure_name(comparison([])) == "gain_round_2"
    assert figure_name({**comparison([]), "after": "round_3"}) == "gain_round_3"
