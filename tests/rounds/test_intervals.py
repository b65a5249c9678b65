"""Intervals of differences: on which side of zero, how wide, and where there are none."""

import numpy
import pytest
from scipy import stats

from kun_recipes.rounds.intervals import means, paired, paired_areas, shares

RESAMPLES = 2000


def excludes_zero(interval: tuple[float, float] | None) -> bool:
    return interval is not None and not interval[0] <= 0 <= interval[1]


def test_a_steady_fall_excludes_zero_where_the_examples_themselves_differ_more():
    """Paired: the losses of the examples lie between 1 and 9, and each falls by about 0.1."""
    random = numpy.random.default_rng(0)
    before = random.uniform(1, 9, 60)
    after = before - 0.1 + random.normal(scale=0.05, size=60)
    low, high = paired(before, after, RESAMPLES, 0)
    assert -0.13 < low < -0.1 < high < -0.07
    assert not excludes_zero(means(before, after))


@pytest.mark.parametrize(("fallen", "excluded"), [(6, True), (3, False), (4, False)])
def test_zero_is_excluded_where_nearly_all_of_few_examples_fell(fallen, excluded):
    change = [-0.2 - 0.01 * place for place in range(fallen)] + [0.2] * (6 - fallen)
    assert excludes_zero(paired([1.0] * 6, numpy.add(1.0, change), RESAMPLES, 0)) is excluded


def test_the_interval_of_few_examples_is_nearly_students():
    change = stats.norm.ppf(numpy.linspace(0.1, 0.9, 8))
    low, high = paired(numpy.zeros(8), change, 10_000, 0)
    of_student = stats.t.interval(0.95, 7, scale=stats.sem(change))
    assert (low, high) == pytest.approx(of_student, rel=0.2)
    assert high - low > 1.1 * 2 * 1.96 * stats.sem(change)  # plain percentiles are narrower


@pytest.mark.parametrize("examples", [0, 1, 5])
def test_fewer_than_six_examples_have_no_interval(examples):
    some, more = [1.0] * examples, [float(number) for number in range(9)]
    assert paired(some, some, RESAMPLES, 0) is None
    assert means(some, more) is means(more, some) is None
    right = [True] * examples + [False] * 9
    assert paired_areas(range(len(right)), range(len(right)), right, RESAMPLES, 0) is None


def test_models_that_say_the_same_differ_by_nothing():
    assert paired([1.0, 2.0] * 5, [1.0, 2.0] * 5, RESAMPLES, 0) == (0.0, 0.0)
    assert means([3.0] * 8, [3.0] * 8) == (0.0, 0.0)


def test_resamples_depend_on_the_seed_alone():
    random = numpy.random.default_rng(0)
    before, after = random.normal(size=(2, 30))
    assert paired(before, after, RESAMPLES, 1) == paired(before, after, RESAMPLES, 1)
    assert paired(before, after, RESAMPLES, 1) != paired(before, after, RESAMPLES, 2)


def test_areas_are_compared_on_the_same_items():
    """A judge that sorts the items as well as the other one, on the same items, differs little; a blind one much."""
    random = numpy.random.default_rng(0)
    right = random.random(80) < 0.5
    scores = right + random.normal(size=80)
    blind = random.normal(size=80)
    low, high = paired_areas(scores, scores + 0.05 * random.normal(size=80), right, RESAMPLES, 0)
    assert low <= 0 <= high and high - low < 0.05
    assert excludes_zero(paired_areas(blind, scores, right, RESAMPLES, 0))
    low, high = paired_areas(blind, scores, right, RESAMPLES, 0)
    assert low > 0


@pytest.mark.parametrize(
    ("before", "after", "interval"),
    [
        # Newcombe (1998), method 10: his examples a, 56/70 - 48/80, and e, 5/56 - 0/29; and their opposites
        ((48, 80), (56, 70), (0.0524, 0.3339)),
        ((56, 70), (48, 80), (-0.3339, -0.0524)),
        ((0, 29), (5, 56), (-0.0381, 0.1926)),
        ((0, 0), (5, 56), None),
        ((5, 56), (0, 0), None),
    ],
)
def test_the_interval_of_two_shares_is_newcombes(before, after, interval):
    found = shares(before, after)
    assert found == (interval and pytest.approx(interval, abs=1e-4))
