"""Pipelines of questions and held-out pairs for one model, and the longest requests that vLLM must accept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data.pairs import Pair
from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.evaluation import columns
from kun_recipes.evaluation.asking import AskQuestions, ReadQuestions, Task
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.held_out import AnswerPairs, ReadPairs, pair_prompt
from kun_recipes.evaluation.modes import ChooseAnswer, CompareLosses, WriteAnswer
from kun_recipes.evaluation.prompts import Format, PromptBuilder
from kun_recipes.evaluation.questions import load_subject
from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.models.context import Request, open_engine
from kun_recipes.models.engines import EngineSettings, release_engines
from kun_recipes.rules import load_rules
from kun_recipes.rules.keywords import Refusal

CHOICE_TOKENS = 16
"""Room for what the longest choice begins with, "答案是: ", and its letter."""

Removed = Callable[[str], DiskWriter]


@dataclass(frozen=True)
class EvaluatedModel:
    """A model under evaluation.

    Attributes:
        name: in tables and file names.
        folder: of the model.
    """

    name: str
    folder: str
    format: Format


@dataclass(frozen=True)
class EvaluationInputs:
    """Questions and held-out pairs that every model is asked."""

    tasks: Sequence[Task]
    overlapping: frozenset[str]
    pairs: Sequence[Pair]


def evaluate_model(
    config: EvaluateConfig, stage: StageFolder, model: EvaluatedModel, asked: EvaluationInputs
) -> Counts:
    """Ask one model everything, only what is missing; its engine is gone afterwards."""
    asks = requests(config, model, asked)
    engine = open_engine(config, asks, model=model.folder, plain=model.format == "plain")
    removed = removed_writers(stage.removed / model.name)
    names = [f"{source.name}/{subject}" for source, subject in asked.tasks]
    answered = run_pipeline(
        question_pipeline(config, engine, model, asked, stage.rows / model.name, removed),
        stage.logs(f"{model.name}-questions"),
        len(asked.tasks),
        config.where(),
        reads=names,
    )
    held_out = run_pipeline(
        pair_pipeline(config, engine, model, asked, stage.folder / "held_out" / model.name, removed),
        stage.logs(f"{model.name}-held_out"),
        1,
        config.where(),
        reads=["held-out pairs"],
    )
    release_engines()
    return sum_counts([answered, held_out])


def question_pipeline(
    config: EvaluateConfig,
    engine: EngineSettings,
    model: EvaluatedModel,
    asked: EvaluationInputs,
    rows: Path,
    removed: Removed,
) -> list[PipelineStep]:
    sources = {source.name: source for source, _ in asked.tasks}
    decoding = config.decoding()
    blocks: dict[str, AskQuestions] = {
        "ppl": ChooseAnswer(engine, CHOICE_TOKENS, sources, model.format, removed("ppl")),
        "ppl-full": CompareLosses(engine, CHOICE_TOKENS, sources, model.format, removed("ppl-full")),
        "gen": WriteAnswer(engine, decoding, config.seed, sources, model.format, removed("gen")),
    }
    asking = [block for mode, block in blocks.items() if mode in config.modes]
    return [ReadQuestions(asked.tasks, asked.overlapping), *asking, row_writer(rows)]


def pair_pipeline(
    config: EvaluateConfig,
    engine: EngineSettings,
    model: EvaluatedModel,
    asked: EvaluationInputs,
    rows: Path,
    removed: Removed,
) -> list[PipelineStep]:
    sampling = replace(config.decoding(), max_new_tokens=config.held_out_new_tokens)
    refusal = Refusal(columns.ANSWER, load_rules(config.rules).refusal)
    return [
        ReadPairs(asked.pairs),
        AnswerPairs(engine, sampling, config.seed, model.format, refusal, removed("held_out")),
        row_writer(rows),
    ]


def requests(config: EvaluateConfig, model: EvaluatedModel, asked: EvaluationInputs) -> Iterator[Request]:
    """Yield each prompt that the model will be asked, with the tokens of its answer."""
    written = config.decoding().max_new_tokens if "gen" in config.modes else CHOICE_TOKENS
    for source, subject in asked.tasks:
        builder = PromptBuilder(source.benchmark, model.format, source.spacing)
        loaded = load_subject(source, subject)
        for question in loaded.questions:
            yield builder.choice_prompt(question, loaded.shots), max(written, CHOICE_TOKENS)
    for pair in asked.pairs:
        yield pair_prompt(pair.instruction, model.format), config.held_out_new_tokens
        yield pair_prompt(pair.instruction + pair.output, model.format), CHOICE_TOKENS
