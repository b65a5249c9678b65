"""95% intervals of a difference between two rounds: paired where both were measured on the same examples."""

import warnings
from collections.abc import Sequence

import numpy
from scipy import stats

from kun_recipes.curation.measures import CONFIDENCE, Interval, share_interval

MIN_EXAMPLES = 6
"""Fewer have no interval: five all fall on one side of zero by chance in more than 2.5% of the cases."""


def paired(before: Sequence[float], after: Sequence[float], resamples: int, seed: int) -> Interval | None:
    """Return the bootstrap interval of the mean of after - before, the same examples in the same order.

    Its quantiles are moved out as far as Student's t lies beyond the normal and the bootstrap's variance is too small
    (expanded percentiles, Hesterberg 2015): of seven examples plain ones cover 87%. None of fewer than six.
    """
    change = numpy.subtract(after, before)
    if len(change) < MIN_EXAMPLES:
        return None
    return _bootstrap((change,), numpy.mean, len(change), resamples, seed)


def paired_areas(
    before: Sequence[float], after: Sequence[float], right: Sequence[bool], resamples: int, seed: int
) -> Interval | None:
    """Return the bootstrap interval of the difference of two areas under the ROC curve, on the same items.

    Right and wrong items are drawn apart, so that every draw has both. None of fewer than six of either.
    """
    is_right = numpy.array(right, dtype=bool)
    kinds = numpy.flatnonzero(is_right), numpy.flatnonzero(~is_right)
    fewest = min(map(len, kinds))
    if fewest < MIN_EXAMPLES:
        return None
    wins = _wins(numpy.array(after), *kinds) - _wins(numpy.array(before), *kinds)

    def area(above: numpy.ndarray, below: numpy.ndarray, axis: int) -> numpy.ndarray:
        return wins[above[..., :, None], below[..., None, :]].mean(axis=(-2, -1))

    return _bootstrap(tuple(numpy.arange(len(kind)) for kind in kinds), area, fewest, resamples, seed)


def _wins(scores: numpy.ndarray, above: numpy.ndarray, below: numpy.ndarray) -> numpy.ndarray:
    """Return for each right and each wrong item 1 where the right one scores higher, 0.5 where both score alike."""
    return (numpy.sign(scores[above][:, None] - scores[below][None, :]) + 1) / 2


def _bootstrap(samples: tuple, statistic: object, examples: int, resamples: int, seed: int) -> Interval:
    tail = (1 - CONFIDENCE) / 2
    further = (examples / (examples - 1)) ** 0.5 * stats.t.isf(tail, examples - 1)
    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        batch=500,
        confidence_level=1 - 2 * float(stats.norm.sf(further)),
        method="percentile",
        rng=numpy.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def means(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Return Welch's interval of the difference of two means, of other examples each; None of fewer than six."""
    if min(len(before), len(after)) < MIN_EXAMPLES:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's, where all values of a round are the same
        found = stats.ttest_ind(after, before, equal_var=False).confidence_interval(CONFIDENCE)
    return float(found.low), float(found.high)


def shares(before: tuple[int, int], after: tuple[int, int]) -> Interval | None:
    """Return the interval of the difference of two shares, (part, whole) each, of other examples each.

    None where a whole is empty.
    """
    if not before[1] or not after[1]:
        return None
    return of_bounds(*((part / whole, *share_interval(part, whole)) for part, whole in (before, after)))


def of_bounds(before: tuple[float, float, float], after: tuple[float, float, float]) -> Interval:
    """Return the interval of a difference from (value, low, high) of both: Newcombe's (1998, method 10)."""
    (first, first_low, first_high), (second, second_low, second_high) = before, after
    low = ((second - second_low) ** 2 + (first_high - first) ** 2) ** 0.5
    high = ((second_high - second) ** 2 + (first - first_low) ** 2) ** 0.5
    return second - first - low, second - first + high
