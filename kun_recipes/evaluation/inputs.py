"""What the stage reads, checked before a model is loaded: questions, training rows, held-out pairs, models."""

from collections.abc import Sequence

from kun_recipes.errors import UserError
from kun_recipes.evaluation.asking import Task
from kun_recipes.evaluation.benchmarks import all_groups
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.contamination import overlapping
from kun_recipes.evaluation.held_out import held_out_pairs
from kun_recipes.evaluation.pipelines import Asked, Candidate
from kun_recipes.evaluation.questions import Source, check_source, load_subject
from kun_recipes.models.resolve import resolve_model


def sources(config: EvaluateConfig) -> list[Source]:
    """The benchmarks that are asked for."""
    paths = {"ceval": config.ceval, "cmmlu": config.cmmlu}
    return [Source(name, path, config.shots, config.limit) for name, path in paths.items() if path]


def gather(config: EvaluateConfig, chosen: Sequence[Source]) -> Asked:
    """Read and check all that the models will be asked.

    Raises UserError for what is missing or wrong in any of it.
    """
    tasks = [task for source in chosen for task in _tasks(config, source)]
    if not tasks:
        raise UserError(f"groups {', '.join(config.groups or ())}: no subject is in them")
    questions = [question for task in tasks for question in load_subject(*task).questions]
    pairs = held_out_pairs(
        config.seeds,
        config.instruction_column,
        config.output_column,
        config.held_out_share,
        config.held_out_limit,
    )
    columns = {config.seeds: (config.instruction_column, config.output_column)}
    return Asked(tasks, overlapping(questions, config.training_rows or (), columns), pairs)


def _tasks(config: EvaluateConfig, source: Source) -> list[Task]:
    check_source(source.path)
    if unknown := [group for group in config.groups or () if group not in all_groups()]:
        raise UserError(f"groups: no group is called {unknown[0]}; there are {', '.join(all_groups())}")
    subjects = source.benchmark.select(getattr(config, f"{source.name}_subjects"), config.groups)
    return [(source, subject.name) for subject in subjects]


def candidates(config: EvaluateConfig) -> list[Candidate]:
    """The models, the base model first, each fetched where it is not here."""
    names = config.named()
    base = Candidate(names[0], resolve_model(config.model, config.model_revision), config.base_format)
    others = [
        Candidate(name, resolve_model(model), config.format)
        for name, model in zip(names[1:], config.models or (), strict=True)
    ]
    return [base, *others]
