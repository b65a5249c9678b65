"""Inputs of the stage, checked before a model is loaded: questions, training rows, held-out pairs, models."""

from collections.abc import Container, Mapping, Sequence

from kun_recipes.corpus import decontamination
from kun_recipes.corpus.decontamination import build_index
from kun_recipes.corpus.decontamination.matching import Matcher
from kun_recipes.data.pair_sources import MAIN, HubPart
from kun_recipes.data.pairs import PairSet, load_pairs
from kun_recipes.errors import UserError
from kun_recipes.evaluation.asking import Task
from kun_recipes.evaluation.benchmarks import all_groups
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.held_out import held_out_pairs
from kun_recipes.evaluation.pipelines import EvaluatedModel, EvaluationInputs
from kun_recipes.evaluation.questions import Question, Source, check_source, load_subject
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import pinned_model
from kun_recipes.rules import load_rules

TEXTS_AT_ONCE = 32
DEFAULT = ("instruction", "output", MAIN)


def sources(config: EvaluateConfig) -> list[Source]:
    """Return the benchmarks that are asked for."""
    return [Source(one.name, one.path, config.shots, config.limit, config.ppl_spacing) for one in config.benchmarks]


def gather(config: EvaluateConfig, chosen: Sequence[Source]) -> EvaluationInputs:
    """Read and check all that the models will be asked.

    Raises UserError for what is missing or wrong in any of it.
    """
    tasks = _all_tasks(config, chosen)
    if not tasks:
        raise UserError(f"groups {', '.join(config.groups or ())}: no selected subject belongs to them")
    questions = _questions(tasks)
    pairs = held_out_pairs(
        config.seeds,
        config.instruction_column,
        config.output_column,
        config.held_out_share,
        config.held_out_limit,
        config.seeds_part(),
    )
    columns = {config.seeds: (config.instruction_column, config.output_column, config.seeds_part())}
    trained_on = dict.fromkeys([config.seeds, *config.training_rows]) if config.training_rows else ()
    return EvaluationInputs(tasks, overlapping(questions, list(trained_on), columns), pairs)


def check_inputs(config: EvaluateConfig, there: Container[str]) -> None:
    """Raise UserError for benchmarks, subjects, groups, seeds or training rows that the stage could not use.

    Args:
        there: paths that can be read now.
    """
    seeds = PairSet("seeds", config.seeds, config.instruction_column, config.output_column, config.seeds_part())
    for pairs in [seeds, *(PairSet(path, path) for path in config.training_rows or () if path != config.seeds)]:
        if pairs.path in there:
            pairs.check()
    _questions(_all_tasks(config, [source for source in sources(config) if source.path in there]))
    for source in sources(config):
        _tasks(config, source)
    load_rules(config.rules)


def _all_tasks(config: EvaluateConfig, chosen: Sequence[Source]) -> list[Task]:
    return [task for source in chosen for task in _tasks(config, source)]


def _questions(tasks: Sequence[Task]) -> list[Question]:
    return [question for task in tasks for question in load_subject(*task).questions]


def _tasks(config: EvaluateConfig, source: Source) -> list[Task]:
    check_source(source.path)
    if unknown := [group for group in config.groups or () if group not in all_groups()]:
        raise UserError(f"groups: unknown group {unknown[0]}; choose from {', '.join(all_groups())}")
    chosen = next(one.subjects for one in config.benchmarks if one.name == source.name)
    subjects = source.benchmark.select(chosen, config.groups)
    return [(source, subject.name) for subject in subjects]


def evaluated_models(config: EvaluateConfig, stage: StageFolder) -> list[EvaluatedModel]:
    """Return the models, the base model first, each fetched where it is not here."""
    names = config.named()
    base = EvaluatedModel(names[0], pinned_model(stage, config.model, config.model_revision), config.base_format)
    others = [
        EvaluatedModel(name, pinned_model(stage, model, option="models"), config.format)
        for name, model in zip(names[1:], config.models or (), strict=True)
    ]
    return [base, *others]


def overlapping(
    questions: Sequence[Question], training_rows: Sequence[str], columns: Mapping[str, tuple[str, str, HubPart]]
) -> frozenset[str]:
    """Return ids of the questions that a training row quotes: in its instruction, its output, or the two in a row.

    Args:
        training_rows: sets of pairs.
        columns: names of instruction and output in a set where they are others, and its part that is read.

    Raises UserError when a set cannot be read.
    """
    texts = [text for path in training_rows for text in _texts(path, *columns.get(path, DEFAULT))]
    index = build_index([decontamination.Question(one.id, one.stem, one.options) for one in questions])
    matcher = Matcher(index)
    return frozenset(
        quote.question
        for first in range(0, len(texts), TEXTS_AT_ONCE)
        for quotes in matcher.find_all(texts[first : first + TEXTS_AT_ONCE])
        for quote in quotes
    )


def _texts(path: str, instruction: str, output: str, part: HubPart) -> list[str]:
    seeds, _ = load_pairs(path, instruction, output, part)
    return [f"{seed.instruction}\n{seed.output}" for seed in seeds]
