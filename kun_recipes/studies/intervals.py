"""Estimates with bootstrap intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

CONFIDENCE = 0.95
RESAMPLES = 1000
MIN_DEFINED_SHARE = 0.5
"""Share of the resamples in which a statistic must be defined for its interval to mean something."""

Statistic = Callable[[numpy.ndarray], float]
"""A statistic of the units at these indices, one of them possibly several times; nan where it is not defined."""


@dataclass(frozen=True)
class Estimate:
    """A value and the bounds of its 95% percentile interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def bootstrap(statistic: Statistic, units: int, resamples: int, seed: int) -> Estimate:
    """Return the statistic of all units with its interval over resampled units: what is judged, never single votes."""
    if not units:
        return Estimate(None, None, None)
    draws = numpy.random.default_rng(seed).integers(units, size=(resamples, units))
    return estimate(statistic(numpy.arange(units)), [statistic(draw) for draw in draws])


def estimate(value: float, resampled: list[float]) -> Estimate:
    """A value with the interval that its resamples give."""
    if numpy.isnan(value):
        return Estimate(None, None, None)
    defined = numpy.asarray(resampled, dtype=float)
    defined = defined[~numpy.isnan(defined)]
    if not len(defined) or len(defined) < MIN_DEFINED_SHARE * len(resampled):
        return Estimate(float(value), None, None)
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(defined, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
