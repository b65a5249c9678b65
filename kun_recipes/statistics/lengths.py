"""Lengths in tokens (Kun §4.2.1, figure 3): counted exactly, kept as a count a length, so that memory stays flat."""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
BINS: Mapping[str, tuple[int, ...]] = {
    "instruction": tuple(range(0, 101, 5)),
    "output": tuple(range(0, 1001, 50)),
}
"""Edges of the histograms, tokens; what is longer is counted in a last bin without an end."""


def length_statistics(counts: Counter, edges: tuple[int, ...]) -> dict[str, Any]:
    """Mean, extremes, percentiles (nearest rank) and histogram; `counts` has the rows of each length, at least one.

    Bin i holds the lengths from edges[i], inclusive, to edges[i + 1], exclusive; the last one all from edges[-1].
    """
    rows = counts.total()
    histogram = [sum(counts[length] for length in range(low, high)) for low, high in pairwise(edges)]
    return {
        "mean": sum(length * count for length, count in counts.items()) / rows,
        "min": min(counts),
        "max": max(counts),
        "median": percentile(counts, 50),
        "percentiles": {str(share): percentile(counts, share) for share in PERCENTILES},
        "bin_edges": list(edges),
        "bin_rows": [*histogram, rows - sum(histogram)],
    }


def percentile(counts: Counter, share: float) -> int:
    """The least length that at least `share` percent of the rows do not exceed (nearest rank)."""
    ordered = sorted(counts)
    needed = share / 100 * counts.total()
    sums = accumulate(counts[length] for length in ordered)
    return next(length for length, sum_ in zip(ordered, sums, strict=True) if sum_ >= needed)
