"""Measures of a judge against brute force, scipy, scikit-learn and examples solved by hand."""

from math import log
from statistics import mean

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from sklearn.calibration import _sigmoid_calibration
from sklearn.linear_model import LogisticRegression

from kun_recipes.curation.measures import (
    area_under_roc,
    auc_interval,
    calibration_error,
    even_threshold,
    fit_platt,
    precise_threshold,
    share_interval,
)

SCORED = st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=2).filter(
    lambda pairs: len({positive for _, positive in pairs}) == 2
)
"""Scores, many of them equal, of both kinds."""


@given(SCORED)
def test_even_threshold_keeps_all_where_positives_score_no_higher(pairs):
    scores, positive = zip(*pairs, strict=True)
    above, below = (mean(score for score, right in pairs if right == kind) for kind in (True, False))
    threshold = even_threshold(scores, positive)
    assert (threshold == min(scores) - 0.5) == (above <= below) or abs(above - below) < 1e-3


@pytest.mark.parametrize("scale", [1e-3, 1, 20])
def test_even_threshold_is_that_of_a_balanced_logistic_regression(scale):
    generator = numpy.random.default_rng(2)
    scores = generator.normal(1, 1, 4000) * scale
    positive = generator.random(4000) < expit(scores / scale - 2)
    fit = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10).fit(scores[:, None] / scale, positive)
    expected = -fit.intercept_[0] / fit.coef_[0][0] * scale
    assert even_threshold(scores, positive) == pytest.approx(expected, rel=0.01)  # Platt's targets are not 0 and 1


@pytest.mark.parametrize(
    ("scores", "positive", "threshold"),
    [
        ([0, 1, 4, 5], [False, False, True, True], 2.5),
        ([5, 0, 4, 1], [True, False, True, False], 2.5),
        ([0, 1] + [4, 5] * 4, [False] * 2 + [True] * 8, 2.5),  # more of one kind move it little
        ([1, 1], [True, False], 0.5),  # cannot be parted: keep all
        ([1, 2], [True, False], 0.5),  # upside down
    ],
)
def test_even_threshold_by_example(scores, positive, threshold):
    assert even_threshold(scores, positive) == pytest.approx(threshold, abs=0.25)


def test_even_threshold_moves_little_where_one_verdict_changes():
    """Log-odds of a judge on its 26 development items, from two trainings of the same model."""
    right = [1.0, 0.75, 1.94, 1.5, 2.13, 1.06, 1.5, 1.69, 1.06, 1.38, 2.0, 0.63, 1.06]
    wrong = [-0.06, 1.06, 0.44, 0.0, 0.63, -0.06, 0.81, 1.38, 1.31, 1.0, 1.38, 1.06, 0.69]
    labels = [True] * 13 + [False] * 13
    found = even_threshold(right + wrong, labels)
    for number in range(26):
        moved = [*right, *wrong]
        moved[number] += 0.5
        assert even_threshold(moved, labels) == pytest.approx(found, abs=0.06)


@given(SCORED, st.sampled_from([0.5, 0.75, 0.9, 1.0]))
def test_the_precise_threshold_is_the_lowest_that_reaches_the_target_or_the_best(pairs, target):
    scores, positive = zip(*pairs, strict=True)
    threshold, precision = precise_threshold(scores, positive, target)
    levels = sorted(set(scores))
    precisions = {level: mean(is_right for score, is_right in pairs if score >= level) for level in levels}
    wanted = min(target, max(precisions.values()))
    lowest = next(level for level in levels if precisions[level] >= wanted)
    assert precision == precisions[lowest]
    assert threshold == ([lowest - 1, *levels][levels.index(lowest)] + lowest) / 2


@pytest.mark.parametrize(
    ("positive", "target", "found"),
    [  # of scores 0, 1, 2, 3, 4
        ([False, False, True, True, True], 1.0, (1.5, 1.0)),
        ([False, False, True, True, True], 0.75, (0.5, 0.75)),
        ([False, False, True, True, True], 0.6, (-0.5, 0.6)),
        ([False, False, True, True, False], 0.9, (1.5, 2 / 3)),  # out of reach
        ([True, True, False, False, False], 0.9, (-0.5, 0.4)),  # upside down: out of reach
        ([False, True, False, False, True], 0.5, (0.5, 0.5)),  # the lowest one, not the best
    ],
)
def test_precise_threshold_by_example(positive, target, found):
    assert precise_threshold(range(5), positive, target) == found


def test_nine_of_ten_reach_a_target_of_nine_tenths():
    assert precise_threshold(range(10), [False] + [True] * 9, 0.9) == (-0.5, 0.9)


@given(SCORED)
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs):
    above = [score for score, positive in pairs if positive]
    below = [score for score, positive in pairs if not positive]
    wins = [1.0 if high > low else 0.5 if high == low else 0.0 for high in above for low in below]
    scores, positive = zip(*pairs, strict=True)
    assert area_under_roc(scores, positive) == pytest.approx(mean(wins))


@pytest.mark.parametrize(
    ("auc", "positives", "negatives"), [(1, 12, 12), (0.85, 12, 12), (0.5, 1, 1), (0.7, 3, 40), (0, 5, 5), (0.3, 2, 2)]
)
def test_the_bounds_of_an_auc_are_where_it_is_196_deviations_away(auc, positives, negatives):
    """With the deviation of Hanley & McNeil (1982) for an area of that bound and, as Newcombe has it, mean counts."""

    def deviation(area: float) -> float:
        others = (positives + negatives) / 2 - 1
        spread = area * (1 - area) + others * (area / (2 - area) - area**2 + 2 * area**2 / (1 + area) - area**2)
        return (spread / (positives * negatives)) ** 0.5

    low, high = auc_interval(auc, positives, negatives)
    assert 0 <= low <= auc <= high <= 1
    assert low < high
    for bound in (low, high):
        if bound != auc:
            assert abs(auc - bound) == pytest.approx(1.959964 * deviation(bound), rel=1e-4)


@pytest.mark.parametrize(
    ("auc", "positives", "negatives", "interval"),
    [
        (1, 1, 1, (0.206549, 1)),  # of one pair Wilson's: 1 / (1 + 1.96²)
        (1, 12, 12, (0.831826, 1)),
        (0, 12, 12, (0, 1 - 0.831826)),
        (0.85, 12, 12, (0.622840, 0.946551)),
        (0.5, 50, 50, (0.389667, 0.610333)),
    ],
)
def test_auc_interval_by_example(auc, positives, negatives, interval):
    assert auc_interval(auc, positives, negatives) == pytest.approx(interval, abs=1e-5)


@pytest.mark.parametrize(("auc", "count"), [(0.95, 12), (0.8, 6), (0.5, 12), (0.9, 40)])
def test_the_interval_of_an_auc_holds_the_true_one_19_times_of_20(auc, count):
    """DeLong's holds it 15 times of 20 in the first case, and says nothing of an area of 1."""
    generator = numpy.random.default_rng(0)
    apart = norm.ppf(auc) * 2**0.5
    held = []
    for _ in range(1000):
        above, below = generator.normal(apart, 1, (count, 1)), generator.normal(0, 1, count)
        low, high = auc_interval(float((above > below).mean()), count, count)
        held.append(low <= auc <= high)
    assert 0.93 <= mean(held) <= 0.98


@pytest.mark.parametrize(
    ("right", "of", "interval"),
    [(24, 24, (0.862024, 1)), (0, 3, (0, 0.561497)), (18, 24, (0.551006, 0.880006)), (1, 2, (0.094531, 0.905469))],
)
def test_the_interval_of_a_share_is_wilsons(right, of, interval):
    assert share_interval(right, of) == pytest.approx(interval, abs=1e-5)


def test_platt_scaling_solved_by_hand():
    """Two scores, so that the line meets the mean target of each: 1/3 and 2/3, of targets 5/6 and 1/6."""
    scores, positive = [0] * 4 + [1] * 4, [True, False, False, False, True, True, True, False]
    assert fit_platt(scores, positive) == pytest.approx((2 * log(2), -log(2)))


@pytest.mark.parametrize("scale", [1e-3, 1, 20, 500])
@pytest.mark.parametrize("parted", [False, True], ids=["overlapping", "parted"])
def test_platt_scaling_is_scikit_learns(scale, parted):
    generator = numpy.random.default_rng(1)
    scores = generator.normal(1, 1, 30)
    positive = scores > 1 if parted else generator.random(30) < expit(scores)
    slope, intercept = _sigmoid_calibration(scores * scale, positive.astype(int))
    assert fit_platt(scores * scale, positive) == pytest.approx((-slope, -intercept), rel=1e-4)


@pytest.mark.parametrize(
    ("scores", "positive", "share"),
    [
        ([1, 2, 3, 4], [True, True, False, False], 1 / 2),  # upside down
        ([5, 5, 5], [True, False, True], (2 * 3 / 4 + 1 / 3) / 3),  # says nothing; targets 3/4 and 1/3
        ([0, 0, 0], [True, False, True], (2 * 3 / 4 + 1 / 3) / 3),
    ],
)
def test_constant_judge_gets_one_probability(scores, positive, share):
    slope, intercept = fit_platt(scores, positive)
    assert (slope, expit(intercept)) == pytest.approx((0, share), abs=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "positive", "error"),
    [
        ([1, 1, 0, 0], [True, True, False, False], 0),
        ([1, 1, 0, 0], [False, False, True, True], 1),
        ([0.75] * 4, [True, True, True, False], 0),
        ([0.72, 0.78], [True, False], 0.25),  # one bin: 0.75 on average, half of them right
        ([0.72, 0.82], [True, False], (0.28 + 0.82) / 2),  # two
        ([0.5, 0.5, 0.5, 0.9], [True, False, False, True], (0.5 + 0.1) / 4),
    ],
)
def test_calibration_error_by_example(probabilities, positive, error):
    assert calibration_error(probabilities, positive) == pytest.approx(error)
