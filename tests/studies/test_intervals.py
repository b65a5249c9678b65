"""Intervals of shares and of statistics, against ones that are known."""

import numpy
import pytest
from scipy.stats import binomtest

from kun_recipes.studies.intervals import Estimate, bootstrap, share


@pytest.mark.parametrize(("right", "of"), [(0, 1), (0, 20), (20, 20), (7, 20)])
@pytest.mark.parametrize("votes", [1, 3])
def test_a_share_of_units_that_agree_in_themselves_has_wilsons_interval(right, of, votes):
    counts = numpy.array([votes] * right + [0] * (of - right))
    found = share(counts, numpy.full(of, votes))
    interval = binomtest(right, of).proportion_ci(method="wilson")
    assert found.value == right / of
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_votes_that_differ_within_a_unit_tell_more_than_one_vote():
    apart = share(numpy.array([1, 2] * 30), numpy.full(60, 3))
    together = share(numpy.array([0, 3] * 30), numpy.full(60, 3))
    assert apart.value == together.value == 0.5
    assert 0 < apart.high - apart.low < together.high - together.low


def test_a_share_covers_the_truth_where_units_are_alike():
    random = numpy.random.default_rng(0)
    covered = 0
    for _ in range(300):
        totals = random.integers(0, 4, size=60)
        of_unit = random.beta(0.5, 2.0, size=60)  # 0.2 on average
        found = share(random.binomial(totals, of_unit), totals)
        covered += found.low <= 0.2 <= found.high
    assert covered >= 273


def test_units_without_votes_count_nowhere():
    assert share(numpy.array([1, 0, 2]), numpy.array([1, 0, 2])) == share(numpy.array([1, 2]), numpy.array([1, 2]))
    assert share(numpy.array([0]), numpy.array([0])) == share(numpy.array([]), numpy.array([]))
    assert share(numpy.array([0]), numpy.array([0])) == Estimate(None, None, None)


def test_a_statistic_that_no_resample_changes_has_no_interval():
    assert bootstrap(lambda units: 1.0, 5, 100, 0) == Estimate(1.0, None, None)
    found = bootstrap(lambda units: float(units.mean()), 5, 100, 0)
    assert found.low < found.value < found.high
