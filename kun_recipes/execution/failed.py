"""Inputs that a stage can do without: what another stage of the run should have written, and did not finish."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kun_recipes.config.options import option
from kun_recipes.data.folders import SUMMARY, TRAIN_SUMMARY


@dataclass(kw_only=True)
class WithoutFailed:
    """Option of the stages that can do without some of their inputs.

    Attributes:
        left_out: the paths that were left out, by option.
    """

    without_failed: list[str] | None = option(
        None,
        "stage folders: input from a stage that has not finished is skipped and reported; recipes/run.py sets it",
        affects_rows=False,
    )
    left_out: dict[str, list[str]] = field(default_factory=dict, init=False)


def left_out(config: Any) -> Mapping[str, list[str]]:
    """Return the paths that were left out of a config, by option."""
    return config.left_out if isinstance(config, WithoutFailed) else {}


def leave_out(config: Any, fields: tuple[str, ...]) -> Any:
    """Return a copy of a config without its optional inputs that a stage of `without_failed` has not finished.

    Args:
        fields: options that hold a path, or a list of paths or of sections with a path.
    """
    left = copy.copy(config)
    left.left_out = {}
    for name in fields:
        value = getattr(config, name)
        items = value if isinstance(value, list) else [value] if value is not None else []
        gone = [item for item in items if _is_unfinished(_path(item), config.without_failed or ())]
        if gone:
            kept = [item for item in items if item not in gone]
            setattr(left, name, (kept or None) if isinstance(value, list) else None)
            left.left_out[name] = list(map(_path, gone))
    return left


def _path(item: Any) -> str:
    return item if isinstance(item, str) else item.path


def _is_unfinished(path: str, folders: Sequence[str]) -> bool:
    """Return whether a path lies in one of the folders of stages, and that stage has written no summary."""
    stage = next((Path(folder) for folder in folders if Path(path).is_relative_to(folder)), None)
    return stage is not None and not any((stage / name).is_file() for name in (SUMMARY, TRAIN_SUMMARY))
