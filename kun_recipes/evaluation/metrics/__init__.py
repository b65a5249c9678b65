"""Metrics as modules of the library `evaluate`, each loaded from its file: no code is fetched from the Hub."""

import functools
import sys
from pathlib import Path
from typing import Any

# recipes/evaluate.py has the library's name, and Python looks in a script's own folder first
_folders, sys.path = sys.path, [folder for folder in sys.path if not Path(folder, "evaluate.py").is_file()]
try:
    import evaluate
finally:
    sys.path = _folders


@functools.cache
def load_metric(name: str) -> evaluate.EvaluationModule:
    """The metric in the file of that name beside this one."""
    return evaluate.load(str(Path(__file__).with_name(f"{name}.py")), keep_in_memory=True)


def compute(name: str, **inputs: Any) -> dict[str, float]:
    """Compute a metric from `inputs`, its columns and options."""
    return load_metric(name).compute(**inputs)
