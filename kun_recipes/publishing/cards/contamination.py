"""Evaluation questions beside what is published: which were looked for, what was removed, and what is left."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from datatrove.utils.batching import batched

from kun_recipes.corpus.decontamination import build_index, load_benchmark
from kun_recipes.corpus.decontamination.matching import Matcher
from kun_recipes.data import schema
from kun_recipes.data.parquet import read_all
from kun_recipes.data.rows import read_rows
from kun_recipes.execution.summaries import path_of
from kun_recipes.publishing.cards.provenance import public_path

BATCH = 1000


class Benchmark(NamedTuple):
    """An evaluation set, and how many segments the corpus stage removed because they quote it."""

    name: str
    removed: int


def benchmarks(corpus_dir: Path, corpus: Mapping[str, Any]) -> list[Benchmark]:
    """The evaluation sets that a finished corpus stage was given."""
    removed: Counter[str] = Counter()
    for folder in corpus_dir.glob("removed/*_decontamination"):
        removed.update(row[schema.VALUE].partition("/")[0] for row in read_rows(folder))
    return [
        Benchmark(f"{kind}: {public_path(path)}", removed[Path(path).stem if kind == "prompts" else kind])
        for path, kind in _evaluation_sets(corpus)
    ]


def quotes(folder: Path, corpus: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(row id, question) of every published row whose instruction or answer quotes a question of these sets.

    Segments were searched before; this finds what a model wrote by heart.
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
    return [(path_of(one["path"]), one["format"]) for one in corpus["config"]["benchmarks"] or []]


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for _, row in read_all(folder):
        yield from ((row[schema.ID], row[name]) for name in (schema.INSTRUCTION, schema.OUTPUT) if row.get(name))
