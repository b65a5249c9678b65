"""The rows that label and refine read: a stage's where they lie, others from a copy in the stage's own folder."""

from dataclasses import replace
from typing import Any, TypeVar

from kun_recipes.curation.config import CandidatesConfig
from kun_recipes.data.folders import require_finished
from kun_recipes.data.rows import check_rows
from kun_recipes.execution.folder import StageFolder

Config = TypeVar("Config", bound=CandidatesConfig)


def check_source(config: CandidatesConfig) -> None:
    """Raise UserError for what is no input, or the rows of a stage that is not finished."""
    source = config.source()
    require_finished(source.path)
    source.check()


def rows_here(config: Config, stage: StageFolder) -> Config:
    """Return the config with a folder of shards for what is read, and keep the commit of a Hub dataset.

    Raises:
        UserError: there is no such dataset, or a row that the stage cannot read; names the place.
    """
    source, option = config.source(), config.rows_option
    if source.is_stage:
        check_rows(source.path, source.needed)
        return config
    if commit := source.pin(stage.pinned(option)):
        stage.pin(option, commit)
    copied: dict[str, Any] = {option: str(source.copy(stage.folder, commit))}
    return replace(config, **copied)
