"""Steps of the stage: one pass over each set, then the model's answers about a sample of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from kun_recipes.data import schema
from kun_recipes.data.pairs import Pair, PairSet, Sample
from kun_recipes.data.rows import RankReader, read_rows, removed_writers, row_writer, write_shards
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.execution.workers import log_into
from kun_recipes.models.context import open_engine
from kun_recipes.models.engines import release_engines
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import load_prompt
from kun_recipes.statistics.config import StatisticsConfig
from kun_recipes.statistics.tally import NearDuplicates, Tally, compare_grams, tally_set
from kun_recipes.statistics.topic_asking import (
    ANSWER_TOKENS,
    FIELDS,
    SET,
    AskTopic,
    topic_prompt,
    topic_statistics,
)
from kun_recipes.statistics.topics import TopicLists, load_topics

ROWS_A_SHARD = 256
Samples = dict[str, list[Pair]]


def measure_sets(
    config: StatisticsConfig, stage: StageFolder, sets: Sequence[PairSet], tokenizer: ChatTokenizer
) -> tuple[dict[str, dict[str, Any]], Samples]:
    """Return all statistics of every set that need no model, and a sample of each for the model."""
    size = max(config.sample_rows, config.topic_rows)
    tallies, near = {}, {}
    logs = stage.logs("sets")
    logs.mkdir(parents=True, exist_ok=True)
    with log_into(logs):
        for pairs in sets:
            tallies[pairs.name] = tally = Tally(config.reference_year, Sample(size))
            near[pairs.name] = tally_set(pairs, tally, tokenizer.count_texts, NearDuplicates(stage.scratch / "near"))
    samples = {name: tally.sample.pairs() for name, tally in tallies.items()}
    grams = compare_grams({name: pairs[: config.sample_rows] for name, pairs in samples.items()})
    return {name: tally.statistics(near[name], grams[name]) for name, tally in tallies.items()}, samples


def lists_of(config: StatisticsConfig) -> TopicLists:
    return load_topics(Path(config.topics_file)) if config.topics_file else load_topics()


def ask_topics(config: StatisticsConfig, stage: StageFolder, model: str, samples: Samples) -> Counts:
    """Ask the model about the sampled pairs, only the shards that are missing; its engine is gone afterwards."""
    rows = [row for name, pairs in samples.items() for row in _documents(name, pairs)]
    sample = stage.scratch / "sample"
    shards = write_shards(rows, sample, ROWS_A_SHARD)
    prompt, lists = load_prompt(config.topic_prompt, FIELDS), lists_of(config)
    turns = [(name, turn) for name in config.topic_lists for turn in range(1, config.repeats + 1)]
    shown = config.topic_characters
    requests = (
        (topic_prompt(prompt, lists.named(name), turn, shown, row), ANSWER_TOKENS)
        for row in rows
        for name, turn in turns
    )
    engine = open_engine(config, requests, model=model)
    removed = removed_writers(stage.removed)
    pipeline: list[PipelineStep] = [
        RankReader(sample),
        *(
            AskTopic(engine, prompt, name, lists.named(name), turn, shown, removed(f"{name}_{turn}"))
            for name, turn in turns
        ),
        row_writer(stage.rows),
    ]
    counts = run_pipeline(pipeline, stage.logs("topics"), shards, config.where())
    release_engines()
    return counts


def topics_by_set(config: StatisticsConfig, stage: StageFolder, names: Iterable[str]) -> Mapping[str, dict[str, Any]]:
    """Return the topics of each set that was asked about, by list."""
    lists, rows = lists_of(config), list(read_rows(stage.rows))
    return {
        name: {
            kind: topic_statistics((row for row in rows if row[SET] == name), kind, lists.named(kind), config.repeats)
            for kind in config.topic_lists
        }
        for name in names
    }


def _documents(name: str, pairs: Sequence[Pair]) -> Iterator[Document]:
    """Yield rows for the model, each once: a set may hold the same pair, and so the same id, twice."""
    unique = {pair.id: pair for pair in pairs}
    for pair in unique.values():
        metadata = {SET: name, schema.SOURCE: pair.source, schema.INSTRUCTION: pair.instruction}
        yield Document(pair.output, f"{name}/{pair.id}", metadata=metadata)
