"""Estimates with their intervals: score intervals of shares, bootstrap ones of all else."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
MIN_DEFINED_SHARE = 0.5
"""Share of the resamples in which a statistic must be defined for its interval to mean something."""

Statistic = Callable[[numpy.ndarray], float]
"""A statistic of the units at these indices, one of them possibly several times; nan where it is not defined."""


@dataclass(frozen=True)
class Estimate:
    """A value and the bounds of its 95% interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def share(counts: numpy.ndarray, totals: numpy.ndarray) -> Estimate:
    """Return a share of votes with its score interval over units, which has a width at 0 and at 1, too.

    Votes on one unit do not stand alone: the interval is that of as many votes as vary as much (Wilson 1927; for
    units, Korn & Graubard 1998). Two units of each kind are added to those that voted, so that no variance is 0.

    Args:
        counts: votes for it, by unit.
        totals: all votes, by unit.
    """
    counts, totals = counts[totals > 0], totals[totals > 0]
    if not len(totals):
        return Estimate(None, None, None)
    value = counts.sum() / totals.sum()
    added = numpy.array([0.0, 0.0, 1.0, 1.0])
    size = numpy.concatenate([totals, numpy.full(len(added), totals.mean())])
    of_unit = numpy.concatenate([counts / totals, added])
    smooth = (size * of_unit).sum() / size.sum()
    variance = (size**2 * (of_unit - smooth) ** 2).sum() / size.sum() ** 2
    as_many = smooth * (1 - smooth) / variance * len(totals) / len(size)
    low, high = proportion_confint(value * as_many, as_many, 1 - CONFIDENCE, "wilson")
    return Estimate(float(value), float(min(low, value)), float(max(high, value)))


def bootstrap(statistic: Statistic, units: int, resamples: int, seed: int) -> Estimate:
    """Return the statistic of all units with its interval over resampled units: what is judged, never single votes."""
    if not units:
        return Estimate(None, None, None)
    draws = numpy.random.default_rng(seed).integers(units, size=(resamples, units))
    return estimate(statistic(numpy.arange(units)), [statistic(draw) for draw in draws])


def estimate(value: float, resampled: list[float]) -> Estimate:
    """Return a value with the interval that its resamples give: none where no resample is another."""
    if numpy.isnan(value):
        return Estimate(None, None, None)
    defined = numpy.asarray(resampled, dtype=float)
    defined = defined[~numpy.isnan(defined)]
    if not len(defined) or len(defined) < MIN_DEFINED_SHARE * len(resampled):
        return Estimate(float(value), None, None)
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(defined, [tail, 1 - tail])
    if numpy.isclose(low, high):
        return Estimate(float(value), None, None)
    return Estimate(float(value), float(low), float(high))
