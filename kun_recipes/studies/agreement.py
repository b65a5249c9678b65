"""Agreement of annotators: Kun §4.2.2, figure 6, and the coefficients that allow for chance.

An *answer* is what one annotator said to one question about one item; the answers of an item stand in order of time.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Literal

import krippendorff
import numpy
from statsmodels.stats.inter_rater import fleiss_kappa

from kun_recipes.studies.intervals import bootstrap, share
from kun_recipes.studies.votes import RATERS, RESAMPLES

Answers = Sequence[Sequence[str]]
"""The answers of each item."""


def measure_agreement(
    answers: Answers,
    order: Sequence[str] | None = None,
    raters: int = RATERS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return agreement on one question, each coefficient with its interval over items.

    Figure 6 and Fleiss' κ need as many answers to each item: they take the first `raters` of every item that has so
    many. Percent agreement and Krippendorff's α take whatever there is, of items with at least two.

    Args:
        order: the possible answers from one end to the other, where they have an order; with three or more α is then
            also ordinal.
        raters: answers to an item.
        seed: of the resampling.

    Returns:
        items, and how many of them had too few answers (`incomplete`); identical (all_same, some_same, all_different);
        percent (share of an item's pairs of answers that agree, averaged over items); fleiss_kappa; alpha_nominal;
        alpha_ordinal where there is such an order. A coefficient is None where everybody always said the same.
    """
    full = [item[:raters] for item in answers if len(item) >= raters]
    several = [item for item in answers if len(item) > 1]
    domain = list(order or sorted({answer for item in answers for answer in item}))
    same, counts = _counts(full, domain), _counts(several, domain)

    def interval(statistic: Callable[[numpy.ndarray], float], table: numpy.ndarray) -> dict[str, float | None]:
        return asdict(bootstrap(lambda chosen: statistic(table[chosen]), len(table), resamples, seed))

    results = {
        "items": len(answers),
        "incomplete": len(answers) - len(full),
        "identical": identical(full),
        "percent": asdict(share(agreements(counts), numpy.ones(len(counts)))),
        "fleiss_kappa": interval(kappa, same),
        "alpha_nominal": interval(lambda table: alpha(table, "nominal"), counts),
    }
    if order and len(order) > 2:  # of two answers there is but one order
        results["alpha_ordinal"] = interval(lambda table: alpha(table, "ordinal"), counts)
    return results


def identical(answers: Answers) -> dict[str, int]:
    """Return items on which all said the same, some did, or none did (Kun figure 6)."""
    counted = Counter(
        "all_same" if (kinds := len(set(item))) == 1 else "all_different" if kinds == len(item) else "some_same"
        for item in answers
    )
    return {name: counted[name] for name in ("all_same", "some_same", "all_different")}


def agreements(counts: numpy.ndarray) -> numpy.ndarray:
    """Return share of each item's pairs of answers that agree; of a table with a row per item, a column per answer."""
    raters = counts.sum(axis=1)
    return (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))


def kappa(counts: numpy.ndarray) -> float:
    """Return fleiss' κ (1971); nan where everybody always said the same."""
    return float("nan") if _constant(counts) else float(fleiss_kappa(counts, method="fleiss"))


def alpha(counts: numpy.ndarray, level: Literal["nominal", "ordinal"]) -> float:
    """Return krippendorff's α of a level of measurement; nan where everybody always said the same."""
    if _constant(counts):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample may lack one of the answers
        return float(
            krippendorff.alpha(value_counts=counts, value_domain=range(counts.shape[1]), level_of_measurement=level)
        )


def majority(item: Sequence[str]) -> str | None:
    """Return the most frequent answer; None on a draw or without answers."""
    ranked: Sequence[tuple[str | None, int]] = Counter(item).most_common(2) or [(None, 0)]
    (first, votes), *others = ranked
    return None if others and others[0][1] == votes else first


def _counts(answers: Answers, domain: Sequence[str]) -> numpy.ndarray:
    """Return a table with a row per item and a column per answer."""
    place = {answer: column for column, answer in enumerate(domain)}
    table = numpy.zeros((len(answers), len(domain)), dtype=int)
    for row, item in enumerate(answers):
        for answer in item:
            table[row, place[answer]] += 1
    return table


def _constant(counts: numpy.ndarray) -> bool:
    return not len(counts) or int((counts.sum(axis=0) > 0).sum()) < 2
