"""Pipelines of the label stage; recipes/label.py lists its columns.

The first asks the model and writes every candidate to <output_dir>/measured; the second selects among them. By then
the share of lowest fit is known, the best of several candidates is chosen, and another selection asks no model.
"""

from collections.abc import Collection, Iterator

import numpy
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.choosing import KeepBest, instruction_merits
from kun_recipes.curation.config import LabelConfig
from kun_recipes.curation.held_out import choose_segments, to_label
from kun_recipes.curation.inputs import PartReader, asked_model, check_source, rows_here
from kun_recipes.curation.labeling import CountTokens, EmptyInstruction, LabelInstructions, MeasureFit
from kun_recipes.curation.measuring import FitsContext, NotRefused, RecallRows
from kun_recipes.curation.recital import RecitesPrompt
from kun_recipes.curation.statements import IsStatement
from kun_recipes.data import schema
from kun_recipes.data.rows import (
    InputReader,
    RowReader,
    list_shards,
    read_rows,
    removed_writers,
    row_writer,
)
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import OTHER_ROUNDS
from kun_recipes.execution.folder import MEASURE, SELECT, StageFolder, report
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.execution.usage import Used
from kun_recipes.models.context import TOKENS_A_TOKEN, Request, author_of, open_engine
from kun_recipes.models.endpoint.cost import server_use
from kun_recipes.models.engines import release_engines
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.models.resolve import resolve_model
from kun_recipes.rules import instruction_rules, load_rules
from kun_recipes.rules.pipelines import Removed
from kun_recipes.rules.ranges import RangeFilter


def measure(config: LabelConfig, stage: StageFolder, held_out: Collection[str] = ()) -> list[PipelineStep]:
    """Return the blocks that ask the model; segments whose ids are `held_out` are left to `held_out.to_label`."""
    prompt = load_prompt(config.prompt, {"segment"})
    decoding = config.decoding()
    counter = tokenizer_folder(config)
    engine = open_engine(config, requests(config, prompt, decoding), record=stage.asked_of_server)
    is_short = RangeFilter(schema.TOKENS, "segment_length", highest=config.max_tokens).keeps
    return [
        PartReader(config.segments, part, held_out) if (part := config.part()) else InputReader(config.segments),
        RecallRows(stage.recalled, LabelInstructions.number, config.candidates),
        CountTokens(counter or engine.model),
        LabelInstructions(
            engine,
            author_of(engine),
            prompt,
            decoding,
            config.seed,
            is_short,
            config.candidates,
            config.further_temperature(),
        ),
        *(() if engine.endpoint else [MeasureFit(engine, prompt)]),
        row_writer(stage.measured),
    ]


def tokenizer_folder(config: LabelConfig) -> str | None:
    """Return the folder of the tokenizer that counts segments where a server's model does; None: the model's own.

    Raises:
        UserError: a segment has no count of tokens, and no tokenizer is given.
    """
    if config.engine != "openai":
        return None
    if config.tokenizer:
        return resolve_model(config.tokenizer)
    if any(not isinstance(row.get(schema.TOKENS), int) for row in read_rows(config.segments)):
        raise UserError(
            f"{config.segments}: has rows without `{schema.TOKENS}`, and a server does not count tokens in advance: "
            "set tokenizer to a folder or Hub id of a model"
        )
    return None


def requests(config: LabelConfig, prompt: PromptTemplate, decoding: Sampling) -> Iterator[Request]:
    """Yield the requests to the model: an instruction to each segment, and the likelihood of an instruction alone."""
    yield prompt.render(segment=""), TOKENS_A_TOKEN * decoding.max_new_tokens
    for row in read_rows(config.segments):
        tokens = row.get(schema.TOKENS)
        if not isinstance(tokens, int) or tokens <= config.max_tokens:
            yield prompt.render(segment=row[schema.TEXT]), decoding.max_new_tokens


def select(config: LabelConfig, stage: StageFolder) -> list[PipelineStep]:
    dropping = checks(config, lowest_fit(config, stage), removed_writers(stage.removed))
    return [RowReader(stage.measured), KeepBest(dropping, instruction_merits), *dropping, row_writer(stage.rows)]


def checks(config: LabelConfig, min_fit: float | None, removed: Removed) -> list[BaseFilter]:
    """Return the blocks that drop rows."""

    def bounded(field: str, reason: str, **bounds: float | None) -> RangeFilter:
        return RangeFilter(field, reason, **bounds, exclusion_writer=removed(reason))

    return [
        bounded(schema.TOKENS, "segment_length", highest=config.max_tokens),
        FitsContext(removed("context_length")),
        NotRefused(removed("refused")),
        EmptyInstruction(removed("empty")),
        bounded(schema.PERPLEXITY, "perplexity", highest=config.max_perplexity),
        bounded(schema.INSTRUCTION_TOKENS, "instruction_length", highest=config.max_tokens),
        bounded(schema.FIT, "fit", lowest=min_fit),
        *instruction_rules(load_rules(config.rules), removed),
        *([IsStatement(removed("statement"))] if config.drop_statements else ()),
        RecitesPrompt(load_prompt(config.prompt, {"segment"}).text(), exclusion_writer=removed("recites_prompt")),
    ]


def lowest_fit(config: LabelConfig, stage: StageFolder) -> float | None:
    if config.min_fit_percentile is None:
        return config.min_fit
    rows = (row for row in read_rows(stage.measured) if row[schema.TOKENS] <= config.max_tokens)
    fits = [row[schema.FIT] for row in rows if schema.FIT in row]
    return float(numpy.percentile(fits, config.min_fit_percentile)) if fits else None


def run(config: LabelConfig) -> None:
    check_source(config)
    stage = StageFolder("label", config)
    summary = stage.summary()
    if summary is None:
        config = asked_model(rows_here(config, stage), stage)
        shards = list_shards(config.segments)
        held_out = choose_segments(config)
        pipeline = measure(config, stage, [row[schema.ID] for row in held_out])
        stage.begin()
        measured = run_pipeline(pipeline, stage.logs(MEASURE), len(shards), config.where(), reads=shards)
        if not measured.read:
            raise UserError(f"{config.segments}: round {config.round} has no segment to label; set fewer rounds")
        counts = run_pipeline(select(config, stage), stage.logs(SELECT), len(shards))
        counts.check_measured(measured)
        if held_out:
            release_engines()  # vLLM plans another context for these, and loads again
            run(to_label(config, held_out))
        others = {OTHER_ROUNDS: measured.other_rounds} if config.round else {}
        use = server_use(config, stage.asked_of_server)
        summary = stage.finish(counts, Used() if use else measured.used, **others, **use)
    report(summary, stage.folder)
