"""benchmarks/quality_signals.py: signals, their areas, and the rules that are chosen by them."""

from dataclasses import replace

import pytest
import quality_signals
from quality_rows import Candidate
from quality_tables import (
    signal_table,
    study,
)

from kun_recipes.data import schema
from tests.benchmarks.candidates import LINE, TEXT, row, without


def test_signals_are_higher_for_better_rows():
    signals = quality_signals.SIGNALS
    good, wrong = row(), row(output="货车能开到果园，运费降了五成。", **{schema.PERPLEXITY: 9.0})
    assert (signals["details"](good), signals["details"](wrong)) == (1, 0)
    assert signals["details"](row(output=LINE["output"] + "如需了解更多信息，建议您访问ABC官方网站。")) == 1
    assert (signals["perplexity"](good), signals["perplexity"](wrong)) == (-2, -9)
    assert signals["overlap"](row(output=TEXT[:20])) == 1
    assert signals["overlap"](row(output="天气预报说明天有雨。")) == 0
    assert signals["overlap"](row(output="好")) is None
    assert signals["support"](replace(good, measured=without(schema.SUPPORT))) is None


SUPPORTS = [(3.0, True), (2.0, True), (1.0, False), (0.5, True), (0.0, False), (None, False)]


def supported(*values: tuple[float | None, bool], segment: str = "news-01") -> list[Candidate]:
    return [row(good, segment, **{schema.SUPPORT: value}) for value, good in values]


def test_area_is_of_the_rows_that_have_the_signal():
    found = quality_signals.area(supported(*SUPPORTS), quality_signals.SIGNALS["support"])
    assert found is not None
    assert (found.auc, found.rows) == (pytest.approx(5 / 6), 5)
    assert found.low < found.auc < found.high
    assert quality_signals.area(supported((1.0, True)), quality_signals.SIGNALS["support"]) is None


THRESHOLDS = {
    "the second of three good ones is enough, at least 0.7 is not": (SUPPORTS, 0.25),
    "two of two": ([(3.0, True), (2.0, True), (1.0, False)], 1.5),
    "of equally precise ones the lowest": ([(4.0, True), (3.0, True), (2.0, True), (1.0, True), (0.0, False)], 0.5),
    "equal values are not parted": ([(2.0, True), (1.0, True), (1.0, False)], 0.5),
    "a good row that was not measured cannot be kept": ([(1.0, True), (None, True)], None),
    "nothing good": ([(1.0, False)], None),
    "nothing at all": ([], None),
}


@pytest.mark.parametrize(("values", "threshold"), THRESHOLDS.values(), ids=THRESHOLDS)
def test_threshold_is_the_most_precise_one_of_enough_yield(values, threshold):
    found = quality_signals.most_precise(supported(*values), quality_signals.SIGNALS["support"], details=False)
    assert found == threshold


def test_combination_sorts_where_each_signal_alone_does_not():
    values = [(1.0, 2.0, True), (2.0, 1.0, True), (0.0, 2.0, False), (2.0, 0.0, False), (1.0, 0.5, False)]
    rows = [row(good, **{schema.SUPPORT: one, schema.ANSWER_CALIBRATED: two}) for one, two, good in values]
    both = quality_signals.combination(rows)
    assert both is not None
    area = quality_signals.area(rows, both)
    assert area is not None
    assert area.auc == 1
    assert both.weights["support"] > 0 < both.weights["answer judge"]
    assert both(replace(rows[0], measured=without(schema.SUPPORT))) is None
    assert quality_signals.combination(rows[:2]) is None


def test_rule_is_chosen_on_one_part_and_measured_on_the_other():
    chosen = supported((3.0, True), (2.0, True), (1.0, False))
    held_out = supported((3.0, True), (1.6, False), (1.0, True), (0.0, False), segment="law-01")
    rules = quality_signals.chosen_rules(chosen)
    rule = quality_signals.best(rules, chosen)
    assert rule is not None
    assert (rule.name, rule.lowest) == ("support", 1.5)
    _, measured = study("t", [*chosen, *held_out])
    assert "| support ≥ 1.50 | 4 | 2 | 2 | 1 | 0.50" in measured
    *_, combined = signal_table([*chosen, *held_out]).rows
    assert combined[1] == combined[3] == "–"
    assert combined[2].startswith("0.75 [")


def test_of_equally_precise_rules_the_one_that_keeps_more_is_best():
    values = [(4.0, 0.0), (3.0, 2.0), (2.0, 2.0), (1.0, 1.0), (0.0, -1.0)]
    goods = [True, True, True, True, False]
    columns = [{schema.SUPPORT: one, schema.ANSWER_CALIBRATED: two} for one, two in values]
    rows = [row(good, **measured) for good, measured in zip(goods, columns, strict=True)]
    rules = [
        quality_signals.Rule(name, quality_signals.SIGNALS[name], lowest, details=False)
        for name, lowest in (("answer judge", 0.5), ("support", 0.5), ("answer judge", -0.5))
    ]
    assert quality_signals.best(rules, rows) == rules[1]


def test_no_rule_is_made_of_rows_that_are_all_bad():
    *_, message = study("t", supported((1.0, False)))
    assert message == "No rule keeps 0.7 of the good rows.\n"
