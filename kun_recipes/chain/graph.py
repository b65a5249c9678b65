"""Which stage reads what another one writes: nobody writes it down, the paths in their files say it."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from kun_recipes.chain.stages import Chain, StageRun
from kun_recipes.config.options import ConfigError

WRITES = ("output_dir", "dataset_dir")
"""Fields that name what a stage writes; every other path is something that it reads."""


def needs(stages: list[StageRun]) -> dict[str, list[str]]:
    """By a stage's name: the stages, of those given, that it reads from, in their order."""
    return {
        stage.name: [
            other.name
            for other in stages
            if other is not stage and any(_writes(other, path) for _, path in _reads(stage))
        ]
        for stage in stages
    }


def check_inputs(chain: Chain, recipe: str) -> None:
    """Raise ConfigError for a path inside the run's folder that no stage of the recipe writes."""
    root = Path(chain.run.output_dir)
    for stage in chain.stages:
        for key, path in _reads(stage):
            inside = path.is_relative_to(root) and root != Path()  # every name lies in the current folder
            if inside and not path.exists() and not any(_writes(other, path) for other in chain.stages):
                raise ConfigError(key, f"{path}: no stage of this recipe writes it", f"{recipe}/{stage.file}.yaml")


def _reads(stage: StageRun) -> Iterator[tuple[str, Path]]:
    """Every text of a config, as a path; what is none lies in no stage's folder."""
    for field in fields(stage.config):
        value = getattr(stage.config, field.name, None)
        if field.name not in WRITES:
            yield from (
                (field.name, Path(part))
                for item in (value if isinstance(value, list) else [value])
                if _is_text(item)
                for part in item.split("=")  # some have a name: seeds=path, path=name
            )


def _is_text(item: object) -> bool:
    return isinstance(item, str) and bool(item)


def _writes(stage: StageRun, path: Path) -> bool:
    folders = (getattr(stage.config, field, None) for field in WRITES)
    return any(path.is_relative_to(folder) for folder in folders if folder)
