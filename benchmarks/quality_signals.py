"""Signals of benchmarks/quality.py: how well each sorts read rows, and which simple rule of them to choose."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy
from quality_rows import Candidate
from quality_selecting import document

from kun_recipes.curation.details import CheckDetails
from kun_recipes.curation.measures import Cuts, area_under_roc, auc_interval
from kun_recipes.curation.support import answer_of
from kun_recipes.curation.tails import StripTail
from kun_recipes.data import schema
from kun_recipes.text.grams import gram_hashes, letter_codes

GRAM = 3  # letters
LEAST_YIELD = 0.7  # of the good rows, that a rule must keep

Signal = Callable[[Candidate], float | None]
"""A number that is higher for good rows; None where the row was not measured."""


def measured(column: str, sign: int = 1) -> Signal:
    """Return the signal that a column is."""

    def value(row: Candidate) -> float | None:
        found = row.measured.get(column)
        return None if found is None else sign * found

    return value


@cache
def has_no_missing_details(row: Candidate) -> float:
    """Return 1 where the segment has all details of the pair, as the block of refine finds them, else 0."""
    doc = document(row)
    StripTail().filter(doc)
    return float(CheckDetails(drop=True).filter(doc) is True)


@cache
def overlap(row: Candidate) -> float | None:
    """Return the share of the answer's n-grams of letters that are in the segment."""
    answer, segment = (letter_codes(text) for text in (answer_of(document(row)), row.segment.text))
    if min(len(answer), len(segment)) < GRAM:
        return None
    return float(numpy.isin(gram_hashes(answer, GRAM), gram_hashes(segment, GRAM)).mean())


SIGNALS: dict[str, Signal] = {
    "support": measured(schema.SUPPORT),
    "answer judge": measured(schema.ANSWER_CALIBRATED),
    "details": has_no_missing_details,
    "overlap": overlap,
    "perplexity": measured(schema.PERPLEXITY, -1),
    "fit": measured(schema.FIT),
    "filter judge": measured(schema.FILTER_CALIBRATED),
    "score judge": measured(schema.SCORE_CALIBRATED),
}
COMBINED = ("support", "answer judge", "overlap")


class Area(NamedTuple):
    """The area under a signal's ROC curve, with its 95% interval, on the rows that have the signal."""

    auc: float
    low: float
    high: float
    rows: int


def area(rows: Sequence[Candidate], signal: Signal) -> Area | None:
    """Return the area of a signal on read rows; None if all of them are good, or all bad."""
    found = [(value, row.good) for row in rows if (value := signal(row)) is not None]
    good = sum(bool(is_good) for _, is_good in found)
    if good in (0, len(found)):
        return None
    auc = area_under_roc([value for value, _ in found], [bool(is_good) for _, is_good in found])
    return Area(auc, *auc_interval(auc, good, len(found) - good), len(found))


class Combination(NamedTuple):
    """A weighted sum of signals."""

    weights: dict[str, float]
    intercept: float

    def __call__(self, row: Candidate) -> float | None:
        found = {name: SIGNALS[name](row) for name in self.weights}
        known = [weight * value for name, weight in self.weights.items() if (value := found[name]) is not None]
        return sum(known, self.intercept) if len(known) == len(found) else None

    def __str__(self) -> str:
        return " ".join(
            [*(f"{weight:+.2f} {name}" for name, weight in self.weights.items()), f"{self.intercept:+.2f}"]
        )


def combination(rows: Sequence[Candidate]) -> Combination | None:
    """Return the logistic regression of `COMBINED`, fitted to read rows; None where these are all good, or none is."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    measured_rows = [row for row in rows if all(SIGNALS[name](row) is not None for name in COMBINED)]
    good = [bool(row.good) for row in measured_rows]
    if len(set(good)) < 2:
        return None
    values = numpy.array([[SIGNALS[name](row) for name in COMBINED] for row in measured_rows])
    spread = values.std(axis=0)
    spread[spread == 0] = 1
    model = LogisticRegression().fit((values - values.mean(axis=0)) / spread, good)
    weights = model.coef_[0] / spread
    intercept = model.intercept_[0] - weights @ values.mean(axis=0)
    return Combination(dict(zip(COMBINED, map(float, weights), strict=True)), float(intercept))


class Rule(NamedTuple):
    """Keep a row whose signal is at least `lowest` and, with `details`, no detail of which is missing.

    Attributes:
        signal: None for details alone.
    """

    name: str
    signal: Signal | None
    lowest: float | None
    details: bool

    def keeps(self, row: Candidate) -> bool:
        if self.details and not has_no_missing_details(row):
            return False
        value = self.signal(row) if self.signal else None
        return self.lowest is None or (value is not None and value >= self.lowest)


def chosen_rules(rows: Sequence[Candidate]) -> list[Rule]:
    """Return the simple rules, each with the threshold that read rows choose: the most precise one of enough yield.

    A rule without such a threshold is left out. Simpler rules come first.
    """
    signals: dict[str, Signal] = {name: SIGNALS[name] for name in COMBINED}
    if both := combination(rows):
        signals[str(both)] = both
    found = [Rule("details", None, None, details=True)]
    for details in (False, True):
        for name, signal in signals.items():
            threshold = most_precise(rows, signal, details)
            if threshold is not None:
                found.append(Rule(f"details, {name}" if details else name, signal, threshold, details))
    return found


def most_precise(rows: Sequence[Candidate], signal: Signal, details: bool) -> float | None:
    """Return the threshold of highest precision among those that keep `LEAST_YIELD` of the good rows.

    Of equally precise ones the one that keeps more is chosen.
    """
    good = sum(bool(row.good) for row in rows)
    seen = [
        (value, bool(row.good))
        for row in rows
        if (value := signal(row)) is not None and (not details or has_no_missing_details(row))
    ]
    if not good or not seen:
        return None
    cuts = Cuts([value for value, _ in seen], [is_good for _, is_good in seen])
    precision = cuts.kept_right / numpy.maximum(cuts.kept, 1)
    precision[(cuts.gaps <= 0) | (cuts.kept_right < LEAST_YIELD * good)] = -1
    highest = int(precision.argmax())
    return cuts.threshold(highest) if precision[highest] >= 0 else None


def best(rules: Sequence[Rule], rows: Sequence[Candidate]) -> Rule | None:
    """Return the most precise rule of enough yield; of equally precise ones that of most yield, then the first."""
    good = sum(bool(row.good) for row in rows)
    scored = []
    for rule in rules:
        kept = [bool(row.good) for row in rows if rule.keeps(row)]
        if good and sum(kept) >= LEAST_YIELD * good:
            scored.append((sum(kept) / len(kept), sum(kept), rule))
    return max(scored, key=lambda one: one[:2])[-1] if scored else None
