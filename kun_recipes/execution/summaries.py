"""Summaries of finished stages and trainings, for the stages behind them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.options import option
from kun_recipes.config.types import StagePath
from kun_recipes.data.folders import SUMMARY, TRAIN_SUMMARY
from kun_recipes.errors import UserError
from kun_recipes.execution.failed import WithoutFailed


@dataclass(kw_only=True)
class RunFolders(WithoutFailed):
    """Options that name the folders of a finished run."""

    corpus_dir: StagePath = option(help="folder of the finished corpus stage")
    label_dir: StagePath = option(help="folder of the finished label stage")
    refine_dir: StagePath = option(help="folder of the finished refine stage")


def read_stages(folders: RunFolders) -> dict[str, dict[str, Any]]:
    """Return the summaries of corpus, label and refine, in this order.

    Raises:
        UserError: one of them is not finished, or they are not of one run.
    """
    corpus, label, refine = map(finished_summary, (folders.corpus_dir, folders.label_dir, folders.refine_dir))
    _check_follows(folders.label_dir, label, folders.corpus_dir, corpus)
    _check_follows(folders.refine_dir, refine, folders.label_dir, label)
    return {"corpus": corpus, "label": label, "refine": refine}


def finished_summary(folder: str | Path) -> dict[str, Any]:
    """Return the summary of a finished stage. Raises UserError if the stage is not finished."""
    path = Path(folder) / SUMMARY
    if not path.is_file():
        raise UserError(f"{folder}: no finished stage ({SUMMARY} is missing); run that stage first")
    return json.loads(path.read_text(encoding="utf-8"))


def finished_training(folder: str | Path) -> dict[str, Any]:
    """Return the summary of a finished training. Raises UserError if it is not finished."""
    path = Path(folder) / TRAIN_SUMMARY
    if not path.is_file():
        raise UserError(f"{folder}: no finished training ({TRAIN_SUMMARY} is missing); train it first")
    return json.loads(path.read_text(encoding="utf-8"))


def _check_follows(folder: str, summary: Mapping[str, Any], before: str, earlier: Mapping[str, Any]) -> None:
    """Refuse a stage that read another number of rows than the one before it kept: the funnel would not add up."""
    if summary["rows_in"] != earlier["rows_kept"]:
        raise UserError(
            f"{folder}: read {summary['rows_in']} rows, but {before} kept {earlier['rows_kept']}; "
            "they do not belong to one run: run the later stage again, or give folders of the same run"
        )
