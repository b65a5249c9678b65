"""Metrics as modules of the library `evaluate`, each loaded from its file: no code is fetched from the Hub."""

import functools
from pathlib import Path
from typing import Any

import evaluate


@functools.cache
def load_metric(name: str) -> evaluate.EvaluationModule:
    """Return the metric in the file of that name in this folder."""
    return evaluate.load(str(Path(__file__).with_name(f"{name}.py")), keep_in_memory=True)


def compute(name: str, **inputs: Any) -> dict[str, float]:
    """Compute a metric from `inputs`, its columns and options."""
    return load_metric(name).compute(**inputs)
