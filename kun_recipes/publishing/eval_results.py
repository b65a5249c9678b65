"""Results of the evaluate stage as the Hub's `.eval_results` files, which model pages and leaderboards show.

The Hub takes a result for a task that the benchmark's own eval.yaml names; which one that is, `benchmark_tasks` says.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

from kun_recipes.data.atomic import whole_or_not_at_all
from kun_recipes.errors import UserError

EVAL_RESULTS = ".eval_results"
RESULTS = "results.json"


def write_eval_results(evaluation_dir: str, tasks: dict[str, str], model: str, folder: Path) -> None:
    """Write a file for each benchmark and way of reading an answer; none for a model that was not evaluated.

    Args:
        tasks: id of the task by the benchmark's id on the Hub.
        model: its name in the results.

    Raises:
        UserError: a benchmark was not evaluated, or not the whole of it.
    """
    path = Path(evaluation_dir, RESULTS)
    results = json.loads(path.read_text(encoding="utf-8"))
    for dataset, task in tasks.items():
        benchmark = _benchmark(results, dataset, path)
        for one in results["models"]:
            for name, entry in _entries(results, one, benchmark, task) if one["name"] == model else ():
                with whole_or_not_at_all(folder / EVAL_RESULTS / f"{name}.yaml") as partial:
                    partial.write_text(yaml.safe_dump(eval_result_entries_to_yaml([entry])), encoding="utf-8")


def _benchmark(results: dict[str, Any], dataset: str, path: Path) -> str:
    """Return the name of a benchmark in the results."""
    known = {about["hub"]: name for name, about in results["benchmarks"].items() if about["name"] == about["title"]}
    if dataset not in known:
        found = ", ".join(known) or "no Hub benchmark"
        raise UserError(f"benchmark_tasks: {dataset} was not evaluated: {path} contains {found}")
    about = results["benchmarks"][known[dataset]]
    if about["subjects"] < about["subjects_of_all"] or results["limit"] is not None:
        raise UserError(
            f"benchmark_tasks: only part of {dataset} was evaluated, {about['questions']} questions of "
            f"{about['subjects']} subjects ({path}); remove it, or evaluate the whole benchmark"
        )
    return known[dataset]


def _entries(
    results: dict[str, Any], model: dict[str, Any], benchmark: str, task: str
) -> Iterator[tuple[str, EvalResultEntry]]:
    """Yield the accuracy in percent by each reading, under a name for its file."""
    about = results["benchmarks"][benchmark]
    for reading, scores in model["scores"][benchmark].items():
        if isinstance(scores, dict):  # the other values are shares of answers without a letter
            prompt = f"{results['shots']} shots, {model['format']} prompt v{about['prompt_version']}"
            yield (
                f"{benchmark}_{reading}",
                EvalResultEntry(
                    dataset_id=about["hub"],
                    task_id=task,
                    value=round(100 * scores["accuracy"], 2),
                    dataset_revision=about["revision"],
                    notes=f"{reading}, {prompt}, mean over subjects, %",
                ),
            )
