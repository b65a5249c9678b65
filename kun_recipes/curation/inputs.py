"""The rows that label and refine read: a stage's where they lie, others from a copy in the stage's own folder."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from datatrove.data import Document

from kun_recipes.curation.config import CandidatesConfig
from kun_recipes.curation.parts import Part
from kun_recipes.data import schema
from kun_recipes.data.folders import require_finished
from kun_recipes.data.rows import InputReader, check_rows
from kun_recipes.execution.counts import OTHER_ROUNDS
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.resolve import pin_model

Config = TypeVar("Config", bound=CandidatesConfig)


def check_source(config: CandidatesConfig) -> None:
    """Raise UserError for invalid input, or the rows of an unfinished stage."""
    source = config.source()
    require_finished(source.path)
    source.check()


def rows_here(config: Config, stage: StageFolder) -> Config:
    """Return the config with a folder of shards for what is read, and keep the commit of a Hub dataset.

    Raises:
        UserError: the dataset is missing, or the stage cannot read a row; names the place.
    """
    source, option = config.source(), config.rows_option
    if source.is_stage:
        check_rows(source.path, source.needed)
        return config
    if commit := source.pin(stage.pinned(option)):
        stage.pin(option, commit)
    copied: dict[str, Any] = {option: str(source.copy(stage.folder, commit))}
    return replace(config, **copied)


def asked_model(config: Config, stage: StageFolder) -> Config:
    """Return the config with the commit of a Hub model; a server has a model of its own."""
    return config if config.engine == "openai" else pin_model(config, stage)


class PartReader(InputReader):
    """Read the rows of one part, and write its number into each.

    Args:
        held_out: ids of the rows that no part has.
    """

    name = "🐉 input rows of a round"

    def __init__(self, folder: str | Path, part: Part, held_out: Collection[str] = ()):
        super().__init__(folder)
        self.part, self.held_out = part, frozenset(held_out)

    def read_file(self, filepath: str) -> Iterator[Document]:
        for document in super().read_file(filepath):
            if self.part.has(document.id) and document.id not in self.held_out:
                document.metadata[schema.ROUND] = self.part.number
                yield document
            else:
                self.stat_update(OTHER_ROUNDS)
