"""The funnel's figure: frequent reasons by name, the others together, and no row left out."""

from kun_recipes.chain.report.sankey import REASONS_SHOWN, funnel_figure, shown_reasons


def test_rare_reasons_are_merged_into_one_flow():
    removed = {f"r{number}": number for number in range(1, REASONS_SHOWN + 4)}
    shown = shown_reasons(removed)
    assert shown[0] == ("r10", 10)
    assert shown[-1] == ("3 other reasons", 1 + 2 + 3)
    assert sum(count for _, count in shown) == sum(removed.values())


def test_a_single_rare_reason_keeps_its_name():
    removed = {f"r{number}": 1 for number in range(REASONS_SHOWN + 1)}
    assert len(shown_reasons(removed)) == REASONS_SHOWN + 1


def test_every_stage_has_a_bar_and_a_band_for_what_it_kept_and_each_reason():
    stages = {
        "corpus": {"rows_in": 10, "rows_kept": 6, "removed": {"a": 3, "b": 1}},
        "label": {"rows_in": 6, "rows_kept": 6, "removed": {}},
    }
    (axes,) = funnel_figure(stages).axes
    assert not any("candidates" in text.get_text() for text in axes.texts)
    bars = [patch for patch in axes.patches if type(patch).__name__ == "Rectangle"]
    assert [bar.get_height() for bar in bars] == [100, 60, 60]
    assert len(axes.patches) - len(bars) == 1 + 2 + 1
    assert {"a 3", "b 1", "10", "6"} <= {text.get_text() for text in axes.texts}


def test_further_candidates_are_no_flow():
    removed = {"rows_in": 6, "rows_kept": 5, "removed": {"fit": 1}}
    (plain,), (axes,) = (funnel_figure({"label": removed | more}).axes for more in ({}, {"not_best": 1200}))
    assert len(axes.patches) == len(plain.patches)
    assert "not best: 1,200 further candidates" in {text.get_text() for text in axes.texts}
    assert axes.get_ylim()[0] < plain.get_ylim()[0]
