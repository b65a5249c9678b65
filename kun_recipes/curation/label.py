"""Pipelines of the label stage; recipes/label.py lists its columns.

The first asks the model and writes every candidate to <output_dir>/labelled; the second filters them: by then the
share of lowest fit is known.
"""

from collections.abc import Iterator

import numpy
from datatrove.pipeline.base import PipelineStep

from kun_recipes.curation.config import LabelConfig
from kun_recipes.curation.labeling import CountTokens, LabelInstructions, MeasureFit
from kun_recipes.data import schema
from kun_recipes.data.folders import require_finished
from kun_recipes.data.rows import (
    InputReader,
    RowReader,
    check_rows,
    list_shards,
    read_rows,
    removed_writers,
    row_writer,
)
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.models.context import TOKENS_A_TOKEN, Request, open_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.models.resolve import model_identity
from kun_recipes.rules import instruction_rules, load_rules
from kun_recipes.rules.pipelines import Removed
from kun_recipes.rules.ranges import RangeFilter


def label(config: LabelConfig, stage: StageFolder, removed: Removed) -> list[PipelineStep]:
    prompt = load_prompt(config.prompt, {"segment"})
    decoding = config.decoding()
    engine = open_engine(config, requests(config, prompt, decoding))
    return [
        InputReader(config.segments),
        CountTokens(engine.model),
        RangeFilter(
            schema.TOKENS, "segment_length", highest=config.max_tokens, exclusion_writer=removed("segment_length")
        ),
        LabelInstructions(
            engine,
            model_identity(engine.model),
            prompt,
            decoding,
            config.seed,
            removed("context_length"),
        ),
        MeasureFit(engine, prompt, removed("empty")),
        row_writer(stage.folder / "labelled"),
    ]


def requests(config: LabelConfig, prompt: PromptTemplate, decoding: Sampling) -> Iterator[Request]:
    """Yield the requests to the model: an instruction to each segment, and the likelihood of an instruction alone."""
    yield prompt.render(segment=""), TOKENS_A_TOKEN * decoding.max_new_tokens
    for row in read_rows(config.segments):
        tokens = row.get(schema.TOKENS)
        if not isinstance(tokens, int) or tokens <= config.max_tokens:
            yield prompt.render(segment=row[schema.TEXT]), decoding.max_new_tokens


def select(config: LabelConfig, stage: StageFolder, removed: Removed) -> list[PipelineStep]:
    def between(field: str, reason: str, **bounds: float | None) -> RangeFilter:
        return RangeFilter(field, reason, **bounds, exclusion_writer=removed(reason))

    return [
        RowReader(stage.folder / "labelled"),
        between(schema.PERPLEXITY, "perplexity", highest=config.max_perplexity),
        between(schema.INSTRUCTION_TOKENS, "instruction_length", highest=config.max_tokens),
        between(schema.FIT, "fit", lowest=lowest_fit(config, stage)),
        *instruction_rules(load_rules(config.rules), removed),
        row_writer(stage.rows),
    ]


def lowest_fit(config: LabelConfig, stage: StageFolder) -> float | None:
    if config.min_fit_percentile is None:
        return config.min_fit
    fits = [row[schema.FIT] for row in read_rows(stage.folder / "labelled")]
    return float(numpy.percentile(fits, config.min_fit_percentile))


def run(config: LabelConfig) -> None:
    require_finished(config.segments)
    stage = StageFolder("label", config)
    removed = removed_writers(stage.removed)
    summary = stage.summary()
    if summary is None:
        check_rows(config.segments)
        shards = list_shards(config.segments)
        pipeline = label(config, stage, removed)
        stage.begin()
        labelled = run_pipeline(pipeline, stage.logs("label"), len(shards), config.where(), reads=shards)
        shards = list_shards(stage.folder / "labelled")
        kept = run_pipeline(select(config, stage, removed), stage.logs("select"), len(shards))
        summary = stage.finish(labelled.then(kept))
    report(summary, stage.folder)
