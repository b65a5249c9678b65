"""Reuse of measurements between the refine stages of arms: judges, verdicts and answers.

A model is then not asked the same question again. The reused results are those that the stage would have got itself.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kun_recipes.chain.recipe import StageRun
from kun_recipes.data.folders import JUDGES, ROWS, link_or_copy, share_judges
from kun_recipes.execution.asked import changed_keys, describe, selecting_keys

JUDGED_BY = ("model", "engine", "dtype", "filter_prompt", "score_prompt", "score_target", "judge_data")
"""Config fields that decide a judge's measured bias and threshold."""

ADDS = "verify"
"""Option that adds measures to a row, and changes none of the others."""

RECALLED = "recalled/00000"
"""Folder of measured rows in a stage's folder, as if the stage had selected otherwise before."""


def share_measured(refines: Sequence[StageRun], stage: StageRun) -> None:
    """Give a refine stage that has not begun what earlier ones measured, where they would measure the same.

    Args:
        refines: refine stages of the arms, in their order; `stage` may be another one, which gets nothing.
    """
    if stage.file != "refine" or (stage.folder / JUDGES).is_file():
        return
    earlier = [other for other in refines[: refines.index(stage)] if stage.config.verify or not other.config.verify]
    for other in earlier:
        if other.complete and not _measured_otherwise(other, stage):
            _link(other.folder / "measured", stage.folder / RECALLED)
            break
    for other in earlier:
        if (other.folder / JUDGES).is_file() and _judged_by(other) == _judged_by(stage):
            share_judges(other.folder, stage.folder)
            break


def _judged_by(stage: StageRun) -> list[Any]:
    return [getattr(stage.config, field) for field in JUDGED_BY]


def _measured_otherwise(one: StageRun, other: StageRun) -> set[str]:
    changed = changed_keys(describe(one.config), describe(other.config))
    return {*changed} - selecting_keys(one.config) - {ADDS}


def _link(measured: Path, recalled: Path) -> None:
    for shard in measured.glob(ROWS):
        if not (recalled / shard.name).exists():  # a run before this one may have been killed here
            link_or_copy(shard, recalled / shard.name)
