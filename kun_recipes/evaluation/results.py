"""From the records of all models to the results of a run."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from kun_recipes.data.rows import read_rows
from kun_recipes.evaluation import columns
from kun_recipes.evaluation.asking import Task
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.metrics import compute
from kun_recipes.evaluation.pipelines import EvaluatedModel, EvaluationInputs
from kun_recipes.evaluation.questions import Source, load_subject
from kun_recipes.evaluation.scores import Compute, Record, benchmark_scores, comparison, held_out_scores
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import model_identity


def measure(
    config: EvaluateConfig, stage: StageFolder, models: Sequence[EvaluatedModel], asked: EvaluationInputs
) -> dict[str, Any]:
    """Return the results of a run, as results.json holds them; models in the order given, the base model first."""
    bootstrap = partial(compute, resamples=config.bootstrap, seed=config.seed)
    sources = list(dict.fromkeys(source for source, _ in asked.tasks))
    records = {model.name: _records(stage, model, sources) for model in models}
    pairs = [list(read_rows(stage.folder / "held_out" / model.name)) for model in models]
    return {
        "shots": config.shots,
        "limit": config.limit,
        "quoting": config.training_rows,
        "held_out": {"seeds": config.seeds, "pairs": len(asked.pairs), "new_tokens": config.held_out_new_tokens},
        "benchmarks": {source.name: _benchmark_entry(source, config, asked.tasks) for source in sources},
        "models": [
            {
                **_model_entry(model),
                "base": model is models[0],
                "scores": {
                    source.name: benchmark_scores(records[model.name][source.name], _count(source, asked.tasks))
                    for source in sources
                },
                "held_out": held_out_scores(rows, len(asked.pairs), bootstrap),
            }
            for model, rows in zip(models, pairs, strict=True)
        ],
        "comparisons": list(_comparisons([model.name for model in models], records, bootstrap)),
    }


def _model_entry(model: EvaluatedModel) -> dict[str, str]:
    return {"name": model.name, "weights": model_identity(model.folder), "format": model.format}


def _benchmark_entry(source: Source, config: EvaluateConfig, tasks: Sequence[Task]) -> dict[str, Any]:
    about = source.benchmark
    return {
        "name": next(one.title for one in config.benchmarks if one.name == source.name) or source.benchmark.title,
        "title": about.title,
        "hub": about.hub,
        "split": about.split,
        "revision": source.path.partition("@")[2] or None,
        "prompt_version": about.version,
        "ppl_spacing": source.spacing,
        "subjects": sum(of == source for of, _ in tasks),
        "subjects_of_all": len(about.subjects),
        "questions": _count(source, tasks),
    }


def _count(source: Source, tasks: Sequence[Task]) -> int:
    return sum(len(load_subject(*task).questions) for task in tasks if task[0] == source)


def _records(stage: StageFolder, model: EvaluatedModel, sources: Sequence[Source]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {source.name: [] for source in sources}
    for record in read_rows(stage.rows / model.name):
        found[record[columns.BENCHMARK]].append(record)
    return found


def _comparisons(
    names: Sequence[str], records: dict[str, dict[str, list[Record]]], compute: Compute
) -> Iterator[dict[str, Any]]:
    """Yield each model with the base model, and with the first of the others."""
    for place, name in enumerate(names[1:], start=1):
        for other in dict.fromkeys(names[: min(place, 2)]):
            for source, own in records[name].items():
                for reading, difference in comparison(own, records[other][source], compute):
                    yield {"model": name, "against": other, "benchmark": source, "reading": reading, **difference}
