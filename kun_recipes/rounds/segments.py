"""The same held-out segments through the label and refine stages of both rounds, with all that these were asked."""

import dataclasses
import heapq
import shutil
from pathlib import Path
from typing import Any, TypeVar

from datatrove.data import Document

from kun_recipes.config.options import affects_rows
from kun_recipes.curation import label, refine
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data import schema
from kun_recipes.data.atomic import whole_or_not_at_all
from kun_recipes.data.folders import path_of
from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.rows import read_rows, write_shards
from kun_recipes.errors import UserError
from kun_recipes.execution.folder import PACKAGE, StageFolder
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.models.engines import release_engines
from kun_recipes.rounds.comparison import JUDGES_FILE
from kun_recipes.rounds.config import GainConfig

ROWS_A_SHARD = 64
HELD_OUT = "segments"
"""Folder of the stage: the segments, and below the name of each round what its stages made of them."""

Config = TypeVar("Config", LabelConfig, RefineConfig)


def write_segments(config: GainConfig, stage: StageFolder) -> list[str]:
    """Write the held-out segments, those of lowest hash that no round labelled; return their ids.

    Raises:
        UserError: every segment was labelled.
    """
    rounds = (*(config.earlier or ()), config.before, config.after)
    used = {row[schema.ID] for folder in rounds for row in read_rows(Path(folder, "label", "measured"))}
    free = (row for row in read_rows(str(config.segments)) if row[schema.ID] not in used)
    chosen = heapq.nsmallest(config.segment_limit, free, key=lambda row: choice_hash(row[schema.ID]))
    if not chosen:
        raise UserError(f"segments: {config.segments} holds no segment that no round labelled; leave the option out")
    documents = [Document(row.pop(schema.TEXT), row.pop(schema.ID), metadata=row) for row in chosen]
    write_shards(documents, stage.scratch / HELD_OUT, ROWS_A_SHARD)
    return [document.id for document in documents]


def run_round(config: GainConfig, stage: StageFolder, folder: str) -> None:
    """Label and refine the held-out segments as a round did its own; its judges are not measured again."""
    made = made_of(stage, folder)
    labelled, refined = made / "label", made / "refine"
    own: dict[str, Any] = {"segments": str(stage.scratch / HELD_OUT), "model": str(Path(folder, "label_model"))}
    label.run(_again(LabelConfig, config, Path(folder, "label"), labelled, own))
    release_engines()
    if not finished_summary(labelled)["rows_kept"]:
        return
    refined.mkdir(exist_ok=True)
    if Path(folder, "refine", JUDGES_FILE).is_file() and not (refined / JUDGES_FILE).is_file():
        with whole_or_not_at_all(refined / JUDGES_FILE) as partial:
            shutil.copy(Path(folder, "refine", JUDGES_FILE), partial)
    own = {"candidates": str(labelled / "rows"), "model": str(Path(folder, "primary_chat_model"))}
    own |= {"dataset_dir": str(stage.scratch / f"dataset-{made.name}")}
    refine.run(_again(RefineConfig, config, Path(folder, "refine"), refined, own))
    release_engines()


def made_of(stage: StageFolder, folder: str) -> Path:
    """Return the folder of what a round's stages made of the held-out segments."""
    return stage.folder / HELD_OUT / Path(folder).name


def _again(kind: type[Config], config: GainConfig, made: Path, output: Path, own: dict[str, Any]) -> Config:
    """Return the config by which a finished stage was made, with other rows and models, run as this stage is."""
    asked = finished_summary(made)["config"]
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.init and not affects_rows(field) and hasattr(config, field.name):
            values[field.name] = getattr(config, field.name)
        elif field.name in asked:
            values[field.name] = _without_package(path_of(asked[field.name]))
    values |= {"output_dir": str(output), "model_revision": None, "subset": None, "split": None, "columns": None}
    return kind(**values | own)


def _without_package(value: Any) -> Any:
    """Return null for a file of the package, which is read where none is given."""
    is_package = isinstance(value, str) and value.startswith(f"{PACKAGE.name}/") and (PACKAGE.parent / value).is_file()
    return None if is_package else value
