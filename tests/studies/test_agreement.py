"""Agreement against hand-computed and published numbers."""

import numpy
import pytest

from kun_recipes.studies.agreement import agreements, alpha, identical, kappa, majority, measure_agreement

FLEISS_1971 = """
    00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
    00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
"""J. L. Fleiss: Measuring nominal scale agreement among many raters, table 1. Thirty patients, each diagnosed by six
psychiatrists: depression, personality disorder, schizophrenia, neurosis, other."""

KRIPPENDORFF_2011 = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
"""K. Krippendorff: Computing Krippendorff's Alpha-Reliability. What four observers said of twelve units."""


def test_kappa_of_fleiss_1971():
    table = numpy.array([[int(count) for count in patient] for patient in FLEISS_1971.split()])
    assert table.sum(axis=0).tolist() == [26, 26, 30, 55, 43]  # as printed there
    assert kappa(table) == pytest.approx(0.430, abs=0.0005)


def test_alpha_of_krippendorff_2011():
    units = [[row[unit] for row in KRIPPENDORFF_2011 if row[unit] != "."] for unit in range(12)]
    table = numpy.array([[unit.count(value) for value in "12345"] for unit in units])
    assert alpha(table, "nominal") == pytest.approx(0.743, abs=0.0005)
    assert alpha(table, "ordinal") == pytest.approx(0.815, abs=0.0005)
    results = measure_agreement(units, order="12345", raters=3)
    assert results["alpha_nominal"]["value"] == pytest.approx(0.743, abs=0.0005)
    assert results["alpha_nominal"]["low"] < 0.743 < results["alpha_nominal"]["high"]
    assert results["alpha_ordinal"]["value"] == pytest.approx(0.815, abs=0.0005)
    assert results["incomplete"] == 2  # the last unit but one has two values, the last has one


def test_percent_is_the_share_of_pairs_of_answers():
    # all three pairs agree; one of three does; none does
    assert agreements(numpy.array([[3, 0, 0], [2, 1, 0], [1, 1, 1]])) == pytest.approx([1, 1 / 3, 0])


def test_identical_ratings_are_those_of_figure_6():
    answers = [["a", "a", "a"], ["a", "b", "a"], ["a", "b", "c"], ["c", "c", "c"]]
    assert identical(answers) == {"all_same": 2, "some_same": 1, "all_different": 1}


def test_incomplete_items_count_only_where_allowed():
    results = measure_agreement([["yes", "yes", "yes", "no"], ["no", "no", "no"], ["yes"]], resamples=100)
    assert results["identical"] == {"all_same": 2, "some_same": 0, "all_different": 0}
    assert results["incomplete"] == 1
    assert results["percent"]["value"] == pytest.approx((3 / 6 + 1) / 2)


def test_coefficient_is_undefined_if_all_answers_are_equal():
    results = measure_agreement([["yes"] * 3] * 5, resamples=100)
    assert results["percent"] == {"value": 1.0, "low": pytest.approx(0.5655, abs=1e-4), "high": 1.0}
    assert results["fleiss_kappa"] == results["alpha_nominal"] == {"value": None, "low": None, "high": None}


def test_agreement_without_votes_is_empty():
    results = measure_agreement([], order=["a", "b", "c"])
    assert (results["items"], results["percent"]["value"], results["alpha_ordinal"]["value"]) == (0, None, None)


@pytest.mark.parametrize(
    "answers, label",
    [(["a", "b", "a"], "a"), (["a"], "a"), (["a", "b"], None), (["a", "b", "c"], None), ([], None)],
)
def test_a_majority_is_ahead_of_every_other_answer(answers, label):
    assert majority(answers) == label


def test_the_same_votes_give_the_same_intervals():
    answers = [["yes", "no", "yes"], ["no", "no", "no"], ["yes", "yes", "yes"], ["no", "yes", "no"]]
    assert measure_agreement(answers, resamples=200) == measure_agreement(answers, resamples=200)
