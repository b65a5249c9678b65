"""Infer which stage reads what another one writes from the paths in their configs."""

from collections.abc import Container, Sequence
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


def complete(stages: Sequence[StageRun], coming: Container[str]) -> set[str]:
    """Return the names of the stages that have nothing left to do.

    Args:
        coming: names of the stages that run or will. If one is not complete, stages that read from it run after it.
    """
    reads = needs(stages)
    found: set[str] = set()
    for stage in stages:
        awaited = any(name in coming and name not in found for name in reads[stage.name])
        if stage.complete and not awaited:
            found.add(stage.name)
    return found


def let_fail(stages: Sequence[StageRun]) -> None:
    """Let each stage run without those that it can do without: a submitted one cannot know what will have failed."""
    reads, required = needs(stages), requires(stages)
    for stage in stages:
        spared = [name for name in reads[stage.name] if name not in required[stage.name]]
        if spared:
            stage.go_without([one.folder for one in stages if one.name in spared])


def check_inputs(chain: Chain, recipe: str, stages: Sequence[StageRun]) -> None:
    """Raise ConfigError for a path inside the run's folder that no stage writes, or that gets adapters alone.

    Args:
        stages: all of the recipe, of which the chain may be a part.
    """
    root = Path(chain.run.output_dir)
    alone = [one for one in chain.stages if not getattr(one.config, "merge_adapters", True)]
    for stage in chain.stages:
        for path in _reads(stage):
            if writers := _writers(stage, alone, [path]):
                raise ConfigError(
                    path.key,
                    f"{path.value}: {writers[0]} saves only adapters (merge_adapters: false), which no stage can load",
                    f"{recipe}/{stage.file}.yaml",
                )
            inside = Path(path.value).is_relative_to(root) and root != Path()  # every name lies in the current folder
            if inside and not Path(path.value).exists() and not any(one.writes(path.value) for one in stages):
                raise ConfigError(
                    path.key, f"{path.value}: no stage of this recipe writes it", f"{recipe}/{stage.file}.yaml"
                )


def inputs_there(stage: StageRun, stages: Sequence[StageRun]) -> set[str]:
    """Return the existing paths that a stage reads and that no stage of those given writes.

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
