"""Measures of a judge by its log-odds on labelled items: how well it sorts them, where to cut, how sure it is."""

from collections.abc import Sequence

import numpy
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit
from scipy.stats import binomtest, mannwhitneyu, norm

CONFIDENCE = 0.95
SMALLEST_SLOPE = 1e-6
"""Of a Platt fit to scores between -1 and 1; below it, the optimiser has found none."""
BINS = 10
"""Bins of equal width that compare predicted probabilities with outcomes (Naeini et al. 2015)."""

Interval = tuple[float, float]


def area_under_roc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Return probability that a random positive scores above a random negative, ties counted half."""
    above = [score for score, is_positive in zip(scores, positive, strict=True) if is_positive]
    below = [score for score, is_positive in zip(scores, positive, strict=True) if not is_positive]
    return float(mannwhitneyu(above, below).statistic / (len(above) * len(below)))


def auc_interval(auc: float, positives: int, negatives: int) -> Interval:
    """Score interval of an area under the ROC curve (Newcombe 2006, part 2, method 5).

    It is for areas what Wilson's is for shares: its variance is that of the true area, not of the measured one. At an
    area of 1, or of few items, it has a width; DeLong's interval and the bootstrap's have none there.
    """
    others = (positives + negatives) / 2 - 1
    square = norm.ppf((1 + CONFIDENCE) / 2) ** 2

    def lowest(area: float) -> float:
        """Return the true area so low that the one measured is just not too high for it."""

        def excess(true: float) -> float:
            spread = true * (1 - true)
            variance = spread * (1 + others * (1 + 2 * spread) / (2 + spread)) / (positives * negatives)
            return (area - true) ** 2 - square * variance

        return float(brentq(excess, 0, area - 1e-9)) if area else 0.0  # an excess is 0 at the other bound, too

    return lowest(auc), 1 - lowest(1 - auc)


def share_interval(right: int, of: int) -> Interval:
    """Return wilson's interval of a share."""
    found = binomtest(right, of).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


class Cuts:
    """Thresholds between scores: each in the middle of two neighbouring scores, the first below all of them.

    Attributes:
        kept, kept_right: number of items, and of positives, at or above each.
        gaps: distance of the two scores; 0 for equal scores, which no threshold parts.
    """

    def __init__(self, scores: Sequence[float], positive: Sequence[bool]):
        order = numpy.argsort(scores, kind="stable")
        values, labels = numpy.array(scores, dtype=float)[order], numpy.array(positive)[order]
        self.positives, self.negatives = int(labels.sum()), int((~labels).sum())
        self.kept = len(labels) - numpy.arange(len(labels) + 1)
        self.kept_right = self.positives - numpy.concatenate([[0], labels.cumsum()])
        self._edges = numpy.concatenate([[values[0] - 1], values, [values[-1] + 1]])
        self.gaps = numpy.diff(self._edges)

    def threshold(self, cut: int) -> float:
        return float((self._edges[cut] + self._edges[cut + 1]) / 2)


def even_threshold(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Return the score at which a positive is as likely as a negative: by a Platt fit, both kinds of the same weight.

    Of the few items that choose it, the cut of highest balanced accuracy leaps by a verdict or two; this one moves
    little. Below all scores where these do not rise from negatives to positives: such a judge drops nothing.
    """
    slope, intercept = fit_platt(scores, positive, balanced=True)
    return -intercept / slope if slope > SMALLEST_SLOPE / _scale(scores) else min(scores) - 0.5


def precise_threshold(scores: Sequence[float], positive: Sequence[bool], target: float) -> tuple[float, float]:
    """Return the lowest threshold whose precision is at least `target`, and that precision.

    If none reaches it, the precision is the highest that there is, and the threshold the lowest one with it.
    """
    cuts = Cuts(scores, positive)
    precision = numpy.where(cuts.gaps > 0, cuts.kept_right / numpy.maximum(cuts.kept, 1), -1.0)[:-1]  # one keeps none
    cut = int((precision >= min(target, precision.max())).argmax())
    return cuts.threshold(cut), float(precision[cut])


def fit_platt(scores: Sequence[float], positive: Sequence[bool], balanced: bool = False) -> tuple[float, float]:
    """Return slope and intercept of P(positive) = expit(slope x score + intercept) (Platt 1999).

    Platt's targets keep both finite where the scores part the kinds. The slope is not below 0: a judge that is upside
    down says nothing, and no probability falls as its score rises.

    Args:
        balanced: let positives weigh as much as negatives, however many there are of each.
    """
    labels = numpy.array(positive)
    right, wrong = float(labels.sum()), float((~labels).sum())
    weights = numpy.where(labels, 1 / right, 1 / wrong) / 2 if balanced else numpy.full(len(labels), 1 / len(labels))
    if balanced:
        right = wrong = len(labels) / 2
    targets = numpy.where(labels, (right + 1) / (right + 2), 1 / (wrong + 2))
    scale = _scale(scores)
    values = numpy.array(scores, dtype=float) / scale

    def loss(line: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        """Return cross-entropy and its gradient."""
        odds = line[0] * values + line[1]
        off = expit(odds) - targets
        entropy = numpy.logaddexp(0, odds) - targets * odds
        return float(weights @ entropy), numpy.array([weights @ (off * values), weights @ off])

    found = minimize(
        loss,
        [0.0, logit(weights @ targets)],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-10},
    )
    return float(found.x[0] / scale), float(found.x[1])


def _scale(scores: Sequence[float]) -> float:
    return float(numpy.abs(scores).max()) or 1.0


def calibration_error(probabilities: Sequence[float], positive: Sequence[bool]) -> float:
    """Return the expected calibration error over the items' bins.

    It is the mean distance of the probability from the share of positives.

    Of few items it is high by chance.
    """
    values = numpy.array(probabilities)
    bins = numpy.minimum((values * BINS).astype(int), BINS - 1)
    off = numpy.bincount(bins, weights=values - numpy.array(positive))
    return float(numpy.abs(off).sum() / len(values))
