"""Figures of the rows that are published: lengths and scores by source, and what was masked."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy

from kun_recipes.data import schema
from kun_recipes.data.parquet import read_all, read_split, split_names

MEASURED = {
    schema.INSTRUCTION_TOKENS: "instruction, tokens",
    schema.OUTPUT_TOKENS: "answer, tokens",
    schema.TOKENS: "segment, tokens",
    schema.PERPLEXITY: "perplexity",
    schema.FIT: "fit, nats a token",
    schema.FILTER_PROBABILITY: "P(是)",
    schema.SCORE_PROBABILITY: "P(好)",
}
"""The columns that a card shows, and what it calls them."""

LOW, MIDDLE, HIGH = 5, 50, 95
"""Percentiles shown."""


@dataclass(frozen=True)
class Spread:
    """Percentiles 5, 50 and 95 of a column in one split."""

    low: float
    middle: float
    high: float


def spreads(folder: Path) -> dict[str, dict[str, Spread]]:
    """For each column of `MEASURED` that has values: its spread by split."""
    found: dict[str, dict[str, Spread]] = {}
    for split in split_names(folder):
        values: dict[str, list[float]] = {column: [] for column in MEASURED}
        for row in read_split(folder, split):
            for column, numbers in values.items():
                if row.get(column) is not None:
                    numbers.append(row[column])
        for column, numbers in values.items():
            if numbers:
                percentiles = numpy.percentile(numbers, [LOW, MIDDLE, HIGH])
                found.setdefault(column, {})[split] = Spread(*map(float, percentiles))
    return found


def masked_items(folder: Path) -> Counter[str]:
    """How many items of each kind of private data placeholders stand for, in all rows."""
    counts: Counter[str] = Counter()
    for _, row in read_all(folder, [schema.MASKED]):
        for word in (row[schema.MASKED] or "").split():
            kind, _, count = word.partition(":")
            counts[kind] += int(count)
    return counts
