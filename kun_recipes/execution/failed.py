"""Inputs that a stage can do without: what another stage of the run should have written, and did not finish."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.options import option
from kun_recipes.data.folders import STARTED, SUMMARY, TRAIN_SUMMARY


@dataclass(kw_only=True)
class WithoutFailed:
    """Option of the stages that can do without some of their inputs."""

    without_failed: bool = option(
        False,
        "go on without models and stages of the run that are not finished, and say which; recipes/run.py sets it",
        affects_rows=False,
    )


def leave_out(config: Any, fields: tuple[str, ...]) -> tuple[Any, list[str]]:
    """Return a copy of a config whose optional inputs that are not finished are left out, and their paths.

    Args:
        fields: options that hold a path, or a list of paths or of sections with a path.
    """
    left = copy.copy(config)
    missing: list[str] = []
    for field in fields:
        value = getattr(config, field)
        items = value if isinstance(value, list) else [value] if value is not None else []
        gone = [item for item in items if not _is_finished(_path(item))]
        missing += map(_path, gone)
        kept = [item for item in items if item not in gone]
        if gone:
            setattr(left, field, (kept or None) if isinstance(value, list) else None)
    return left, missing


def _path(item: Any) -> str:
    return item if isinstance(item, str) else item.path


def _is_finished(path: str) -> bool:
    """Return False for what no stage has finished: a missing path, or a folder that was only begun."""
    if not Path(path).is_dir():
        return Path(path).exists() or path.count("/") == 1  # an id of the Hub
    if any(Path(path, name).is_file() for name in (SUMMARY, TRAIN_SUMMARY)):
        return True
    begun = any(Path(path, name).is_file() for name in (STARTED, f"checkpoints/{STARTED}"))
    return not begun and any(Path(path).glob("*.json"))
