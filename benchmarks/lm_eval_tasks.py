"""The real lm-evaluation-harness on the same questions: its tasks, and what it predicts for each."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from kun_recipes.evaluation.benchmarks import LETTERS
from kun_recipes.evaluation.questions import Source

FOLDER = Path(__file__).resolve().parent / "lm_eval"


def task(source: Source, subject: str) -> dict[str, Any]:
    """A subject's task, with the folder of its questions filled in."""
    titles = {one.name: one.title for one in source.benchmark.subjects}
    text = (FOLDER / f"{source.name}.yaml").read_text(encoding="utf-8")
    values = {"folder": str(Path(source.path).resolve()), "subject": subject, "title": titles[subject]}
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return yaml.safe_load(text.replace('"{shots}"', str(source.shots))) | {"custom_dataset": _read}


def _read(**files: str) -> dict[str, Any]:
    """The splits, by pandas: lm-eval's own reading would take 0.50 for a number, and write 0.5."""
    import datasets
    import pandas

    read = partial(pandas.read_csv, dtype=str, keep_default_na=False)
    return {split: datasets.Dataset.from_pandas(read(file)) for split, file in files.items() if file.endswith(".csv")}


def load(folder: str, dtype: str, batch_size: int) -> Any:
    """lm-eval's own model of transformers."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=folder, dtype=dtype, batch_size=batch_size, device="cpu")


def predictions(model: Any, tasks: list[tuple[Source, str]]) -> tuple[dict[str, str], float]:
    """By the id that ours has: the letter of highest log-likelihood; and the seconds that the model was asked for."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    configs = [task(source, subject) for source, subject in tasks]
    manager = TaskManager(include_defaults=False)
    asked = _Timed(model.loglikelihood)
    model.loglikelihood = asked
    found = simple_evaluate(
        model, tasks=configs, task_manager=manager, log_samples=True, bootstrap_iters=0, limit=tasks[0][0].limit
    )
    letters = {}
    for (source, subject), config in zip(tasks, configs, strict=True):
        for sample in found["samples"][config["task"]]:
            row_id = sample["doc"].get("id") or sample["doc"].get("Unnamed: 0") or str(sample["doc_id"])
            logprobs = [float(value) for value, _ in sample["filtered_resps"]]
            letters[f"{source.name}/{source.benchmark.split}/{subject}/{row_id}"] = LETTERS[
                logprobs.index(max(logprobs))
            ]
    return letters, asked.seconds


class _Timed:
    """A function that adds up how long its calls took."""

    def __init__(self, function: Callable[..., Any]):
        self.function, self.seconds = function, 0.0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return self.function(*arguments, **options)
        finally:
            self.seconds += time.perf_counter() - begun
