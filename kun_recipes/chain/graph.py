"""Infer which stage reads what another one writes from the paths in their configs."""

from collections.abc import Sequence
from pathlib import Path

from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.paths import ConfigPath, config_paths
from kun_recipes.errors import ConfigError


def needs(stages: Sequence[StageRun]) -> dict[str, list[str]]:
    """Return, by a stage's name, the stages of those given that it reads from, in their order."""
    return {
        stage.name: [
            other.name
            for other in stages
            if other is not stage and any(_writes(other, path.value) for path in _reads(stage))
        ]
        for stage in stages
    }


def check_inputs(chain: Chain, recipe: str) -> None:
    """Raise ConfigError for a path inside the run's folder that no stage of the recipe writes."""
    root = Path(chain.run.output_dir)
    for stage in chain.stages:
        for path in _reads(stage):
            inside = Path(path.value).is_relative_to(root) and root != Path()  # every name lies in the current folder
            if inside and not Path(path.value).exists() and not any(_writes(one, path.value) for one in chain.stages):
                raise ConfigError(
                    path.key, f"{path.value}: no stage of this recipe writes it", f"{recipe}/{stage.file}.yaml"
                )


def _reads(stage: StageRun) -> list[ConfigPath]:
    return [path for path in config_paths(stage.config) if not path.kind.written]


def _writes(stage: StageRun, path: str) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in stage.written())
