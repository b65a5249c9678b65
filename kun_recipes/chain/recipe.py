"""A recipe, loaded: its stages with their configs and commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from kun_recipes.chain.config import RunConfig
from kun_recipes.chain.stage import Stage
from kun_recipes.config.command_line import COMMAND_LINE
from kun_recipes.config.paths import config_paths
from kun_recipes.errors import ConfigError
from kun_recipes.execution.asked import changed_keys
from kun_recipes.execution.rounds import left_out_with_round


@dataclass
class StageRun:
    """One stage of one run: its config, loaded and checked, and the command that runs it.

    Attributes:
        file: name of its YAML file, which several stages may share: that of the final models.
        kind: its declaration.
        launcher: what runs the script here.
        words: the script and its arguments.
    """

    name: str
    file: str
    kind: Stage
    config: Any
    launcher: list[str]
    words: list[str]

    @property
    def folder(self) -> Path:
        return Path(self.config.output_dir)

    @property
    def command(self) -> list[str]:
        return [*self.launcher, *self.words]

    @property
    def complete(self) -> bool:
        """True if the stage itself has nothing left to do.

        `graph.complete` considers the stages that it reads from, too.
        """
        if self.left_out:
            return True
        return self.summary() is not None and not self.kind.repeats(self.config)

    @property
    def left_out(self) -> str | None:
        """Why it is left out with its round; None if it is not."""
        return left_out_with_round(self.config)

    def go_without(self, folders: Sequence[Path]) -> None:
        """Let it leave out those of its optional inputs that the stages of these folders have not finished."""
        self.config.without_failed = list(map(str, folders))
        self.words += ["--without_failed", *self.config.without_failed]

    def written(self) -> list[Path]:
        """Return the folders that it writes, its own first."""
        others = (Path(path.value) for path in config_paths(self.config) if path.kind.written)
        return list(dict.fromkeys([self.folder, *others]))

    def writes(self, path: str) -> bool:
        """Return whether a path is one of the folders that it writes, or inside one."""
        return any(Path(path).is_relative_to(folder) for folder in self.written())

    def summary(self) -> dict[str, Any] | None:
        """Return the stage's summary if it finished with this very config."""
        path = self.folder / self.kind.summary_file
        if not path.is_file():
            return None
        summary = orjson.loads(path.read_bytes())
        return None if changed_keys(self.kind.asked(self.kind.left(self.config)), summary["config"]) else summary


@dataclass
class Chain:
    """A recipe, ready to run."""

    run: RunConfig
    stages: list[StageRun]

    def select(self, names: Sequence[str] | None, first: str | None = None) -> list[StageRun]:
        """Return the stages of these names, or `first` and those after it; a file's name stands for all its stages.

        Raises:
            ConfigError: the stage is unknown.
        """
        known = list(dict.fromkeys(name for stage in self.stages for name in (stage.file, stage.name)))
        for name in [*(names or []), *([first] if first else [])]:
            if name not in known:
                raise ConfigError(name, f"no such stage; the stages are {', '.join(known)}", COMMAND_LINE)
        if names:
            return [stage for stage in self.stages if {stage.name, stage.file} & set(names)]
        begins = [first in (None, stage.name, stage.file) for stage in self.stages]
        return self.stages[begins.index(True) :]
