"""Measurements of the published rows: lengths and scores by source, masked items, quotes of evaluation questions."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from datatrove.utils.batching import batched

from kun_recipes.corpus.decontamination import build_index, load_benchmark
from kun_recipes.corpus.decontamination.matching import Matcher
from kun_recipes.curation.preference import TURNED_DOWN
from kun_recipes.data import schema
from kun_recipes.data.folders import PREFERENCE, path_of
from kun_recipes.data.parquet import read_all, read_split, split_names
from kun_recipes.data.rows import read_rows
from kun_recipes.publishing.disclosure import public_path

MEASURED = {
    schema.INSTRUCTION_TOKENS: "instruction, tokens",
    schema.OUTPUT_TOKENS: "answer, tokens",
    schema.TOKENS: "segment, tokens",
    schema.PERPLEXITY: "perplexity",
    schema.FIT: "fit, nats per token",
    schema.FILTER_PROBABILITY: "P(是)",
    schema.SCORE_PROBABILITY: "P(好)",
}
"""The columns that a card shows, and their names there."""

LOW, MIDDLE, HIGH = 5, 50, 95
"""Percentiles shown."""

BATCH = 1000
"""Texts searched for quotes at once."""


@dataclass(frozen=True)
class Spread:
    """Percentiles 5, 50 and 95 of a column in one split."""

    low: float
    middle: float
    high: float


def spreads(folder: Path) -> dict[str, dict[str, Spread]]:
    """Return the spread by split of each column of `MEASURED` that has values."""
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
    """Count the items of each kind of private data that placeholders stand for, in all rows."""
    counts: Counter[str] = Counter()
    for _, row in read_all(folder, [schema.MASKED]):
        for word in (row[schema.MASKED] or "").split():
            kind, _, count = word.partition(":")
            counts[kind] += int(count)
    return counts


class Benchmark(NamedTuple):
    """An evaluation set, and the number of segments that the corpus stage removed because they quote it."""

    name: str
    removed: int


def benchmarks(corpus_dir: Path, corpus: Mapping[str, Any]) -> list[Benchmark]:
    """Return the evaluation sets that a finished corpus stage was given."""
    removed: Counter[str] = Counter()
    for folder in corpus_dir.glob("removed/*_decontamination"):
        removed.update(row[schema.VALUE].partition("/")[0] for row in read_rows(folder))
    return [
        Benchmark(f"{kind}: {public_path(path)}", removed[Path(path).stem if kind == "prompts" else kind])
        for path, kind in _evaluation_sets(corpus)
    ]


def quotes(folder: Path, corpus: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (row id, question) of every published row whose instruction or answer quotes a question of these sets.

    The worse answers of preference pairs that a model wrote are searched, too. Segments were searched before; this
    finds what a model wrote by heart.
    """
    questions = [question for path, kind in _evaluation_sets(corpus) for question in load_benchmark(path, kind)]
    if not questions:
        return []
    matcher = Matcher(build_index(questions))
    found: list[tuple[str, str]] = []
    for batch in batched(_texts(folder), BATCH):
        quoted = matcher.find([text for _, text in batch])
        found += [(row, quote.question) for (row, _), quote in zip(batch, quoted, strict=True) if quote]
    return found


def _evaluation_sets(corpus: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = corpus["config"]
    return [(path_of(one["path"]), one["format"]) for one in config["benchmarks"] or []]


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for _, row in read_all(folder):
        yield from ((row[schema.ID], row[name]) for name in (schema.INSTRUCTION, schema.OUTPUT) if row.get(name))
    for _, pair in read_all(folder, data=PREFERENCE):
        if pair["rejected_from"] == TURNED_DOWN:
            yield from ((pair[schema.ID], turn["content"]) for turn in pair["rejected"])
