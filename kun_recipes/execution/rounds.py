"""Rounds that did not help: the stages of those after them end at once, as the gain stages between them say."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.options import option
from kun_recipes.config.types import StagePath
from kun_recipes.data.folders import SUMMARY

HELPS, WHY = "helps", "why"
"""Keys of a gain stage's summary: whether its round is better than the one before, and a sentence on it."""


@dataclass(kw_only=True)
class OfRound:
    """Option of the stages that a recipe has once for each round."""

    gains: list[StagePath] | None = option(
        None,
        "folders of the gain stages of earlier rounds: if one reports that its round did not help, this stage does "
        "nothing; recipes/run.py sets it",
        affects_rows=False,
    )


def left_out_with_round(config: Any) -> str | None:
    """Return the sentence why a stage is left out with its round; None if it is not, or that is not known yet."""
    gains = config.gains if isinstance(config, OfRound) else None
    failed = first_without_gain(gains or ())
    return failed and f"{round_name(Path(config.output_dir).parent)} is left out: {failed}"


def first_without_gain(gains: Sequence[str]) -> str | None:
    """Return a phrase on the first round that did not help, of finished gain stages."""
    for folder in gains:
        path = Path(folder, SUMMARY)
        if not path.is_file():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        if not found[HELPS]:
            return f"{round_name(path.parent.parent)} did not help: {found[WHY]}"
    return None


def round_name(folder: Path) -> str:
    """Return the name of the round whose stages lie in a folder: "round 2" of round_2."""
    return folder.name.replace("_", " ")
