"""Infer which stage reads what another one writes from the paths in their configs."""

from collections.abc import Sequence
from pathlib import Path

from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.options import is_there
from kun_recipes.config.paths import ConfigPath, config_paths
from kun_recipes.errors import ConfigError


def needs(stages: Sequence[StageRun]) -> dict[str, list[str]]:
    """Return, by a stage's name, the stages of those given that it reads from, in their order."""
    return {stage.name: _writers(stage, stages, _reads(stage)) for stage in stages}


def requires(stages: Sequence[StageRun]) -> dict[str, list[str]]:
    """Return, by a stage's name, those of `needs` that it cannot do without."""
    return {
        stage.name: _writers(stage, stages, [path for path in _reads(stage) if path.option not in stage.kind.optional])
        for stage in stages
    }


def check_inputs(chain: Chain, recipe: str) -> None:
    """Raise ConfigError for a path inside the run's folder that no stage of the recipe writes."""
    root = Path(chain.run.output_dir)
    for stage in chain.stages:
        for path in _reads(stage):
            inside = Path(path.value).is_relative_to(root) and root != Path()  # every name lies in the current folder
            if inside and not Path(path.value).exists() and not any(one.writes(path.value) for one in chain.stages):
                raise ConfigError(
                    path.key, f"{path.value}: no stage of this recipe writes it", f"{recipe}/{stage.file}.yaml"
                )


def inputs_there(stage: StageRun, stages: Sequence[StageRun]) -> set[str]:
    """Return the paths that a stage reads, none of the stages given writes, and somebody must have put there.

    Raises:
        ConfigError: one of them is missing.
    """
    outside = [path for path in _reads(stage) if not any(one.writes(path.value) for one in stages)]
    local = [path for path in outside if not (path.kind.hub and path.is_hub_id) and "://" not in path.value]
    for path in local:
        if not is_there(path.value):
            raise ConfigError(path.key, f"no such file or folder: {path.value}")
    return {path.value for path in outside if Path(path.value).exists()}


def _reads(stage: StageRun) -> list[ConfigPath]:
    return [path for path in config_paths(stage.config) if not path.kind.written]


def _writers(stage: StageRun, stages: Sequence[StageRun], paths: Sequence[ConfigPath]) -> list[str]:
    return [one.name for one in stages if one is not stage and any(one.writes(path.value) for path in paths)]
