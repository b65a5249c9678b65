"""Load a recipe folder and the command line as the stages of a run. Every file is read before any stage runs."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kun_recipes.chain.all_stages import ALL_STAGES, STAGES
from kun_recipes.chain.config import RunConfig
from kun_recipes.chain.graph import check_inputs, let_fail
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.chain.rounds import (
    GAIN,
    LABEL,
    PER_ROUND,
    UNION,
    Rounds,
    check_rounds,
    check_shares,
    gain_folders,
    shown_folders,
)
from kun_recipes.chain.stage import Stage
from kun_recipes.chain.stages.publish import PUBLISH
from kun_recipes.chain.stages.report import REPORT
from kun_recipes.chain.stages.training import FINAL_MODEL
from kun_recipes.config.command_line import COMMAND_LINE, load, refuse_renamed
from kun_recipes.config.paths import map_paths
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.config.shared import SEED_OPTIONS, takes_shared_seeds
from kun_recipes.config.types import PathKind, field_types
from kun_recipes.config.words import to_words
from kun_recipes.errors import ConfigError
from kun_recipes.installed import require_extras
from kun_recipes.shipped import find_shipped, shipped

FINAL = FINAL_MODEL.name
"""The stage of which a recipe may have several: files final_model_<name>.yaml, and run.yaml's final_sizes."""

ANYWHERE = (".", "/")
"""All folders: a file there may be missing yet."""

Placement = Callable[[str, Stage], list[str]]
"""Function of a stage file's name and its `Stage` that returns the words which a cluster adds to its command line."""


def load_chain(
    recipe: str,
    argv: Sequence[str],
    placement: Placement | None = None,
    future: Sequence[str] = (),
    only: Sequence[str] | None = None,
    asked: Sequence[str] = (),
) -> Chain:
    """Read and check every YAML of a recipe folder before anything runs.

    Args:
        recipe: the folder.
        argv: `--field value` for the values of run.yaml and for every stage that has the field, and
            `--stage.field value` for one stage.
        future: folders whose content need not be there yet; that of the run itself never needs to.
        only: names of the stage files that the chain is made of; None: all. Inputs of other stages need not be there.
        asked: names of stages that are asked for: those of run.yaml's on_request are left out unless they are here, or
            in `only`.

    Raises:
        UserError: libraries of a stage are not installed.
        ConfigError: in any of the files, an override that no stage takes, or an input that no stage writes.
    """
    recipe = find_shipped(recipe)
    files = _files(recipe)
    require_extras({name: STAGES.get(name, FINAL_MODEL).extra for name in files})
    overrides = _split_overrides(argv)
    run_file = f"{recipe}/run.yaml"
    shared = read_yaml_mapping(run_file) if Path(run_file).is_file() else {}
    run_fields = {field.name for field in fields(RunConfig)}
    run_argv = _flatten((key, words) for key, words in overrides if key in run_fields)
    run = load(RunConfig, ["--config", run_file, *run_argv])
    if run.model != find_shipped(str(shared.get("model"))) and "--model_revision" not in run_argv:
        run.model_revision = None  # it was another model's
    reader = _Reader(recipe, run, shared, [one for one in overrides if one[0] not in run_fields], placement, future)
    left_out = _left_out(run, files, [*asked, *(only or ())], run_file)
    stages = list(reader.all_stages([name for name in files if name not in left_out], only))
    if not stages:
        raise ConfigError(
            None, f"contains no stage; stage files are {', '.join(f'{name}.yaml' for name in STAGES)}", recipe
        )
    _refuse_unused(reader.overrides, stages)
    chain = Chain(run, [stage for stage in stages if only is None or stage.file in only])
    check_inputs(chain, recipe, stages)
    if placement:
        let_fail(chain.stages)
    return chain


def _files(recipe: str) -> list[str]:
    """Return names of the stage files there are, in the order of the chain.

    Further final models follow the final model.
    """
    found = []
    for name in STAGES:
        found += [name] if Path(recipe, f"{name}.yaml").is_file() else []
        found += sorted(path.stem for path in Path(recipe).glob(f"{FINAL}_*.yaml")) if name == FINAL else []
    return found


def _left_out(run: RunConfig, files: Sequence[str], asked: Sequence[str], run_file: str) -> set[str]:
    """Return the names of the stage files that run on request, and were not asked for."""
    on_request = run.on_request or []
    if unknown := [name for name in on_request if name not in files]:
        raise ConfigError("on_request", f"there is no {unknown[0]}.yaml; the stages are {', '.join(files)}", run_file)
    return {*on_request} - {*asked}


@dataclass(frozen=True)
class _Reader:
    """Reads the stage files of one recipe, with what the run replaces in them.

    Attributes:
        shared: run.yaml as written; a stage file that repeats one of its values moves with it.
        overrides: the command line's, for stages.
    """

    recipe: str
    run: RunConfig
    shared: dict[str, Any]
    overrides: list[tuple[str, list[str]]]
    placement: Placement | None
    future: Sequence[str]

    def all_stages(self, files: Sequence[str], only: Sequence[str] | None) -> Iterator[StageRun]:
        """Yield the stages of these files. Where there are several rounds, theirs take the place of one round's.

        Args:
            only: files of the stages whose inputs must be there; None: all.
        """
        several = self.run.rounds > 1
        if several:
            check_rounds(files, self.recipe)
        for name in files:
            reader = self if only is None or name in only else replace(self, future=ANYWHERE)
            if not several or name not in PER_ROUND:
                yield from reader.stages(name)
            elif name == PER_ROUND[-1]:
                yield from reader.rounds()

    def rounds(self) -> Iterator[StageRun]:
        """Yield the stages of all rounds, and that of their union."""
        plain = {name: self.stage(name, name, []).config for name in PER_ROUND}
        of_rounds = Rounds(self.run, plain).stages()
        stages = [self.stage(one.name, one.file, one.words) for one in of_rounds]
        check_shares([stage.config for stage in stages if stage.file == LABEL])
        yield from stages

    def stages(self, name: str) -> Iterator[StageRun]:
        """Yield the stage of a file, or one for each size of the final model."""
        if name == REPORT.name and self.run.rounds > 1:
            others = self.stage(name, name, []).config.stages or ()
            yield self.stage(name, name, ["--stages", *others, *shown_folders(self.run)])
            return
        if name == PUBLISH.name and self.run.rounds > 1:
            yield self.stage(name, name, ["--gain_dirs", *gain_folders(self.run, self.run.rounds + 1)])
            return
        if name != FINAL or not self.run.final_sizes:
            yield self.stage(name, name, [])
            return
        folder = self.stage(name, name, []).config.output_dir
        for size in self.run.final_sizes:
            own = ["--train_rows", str(size), "--output_dir", f"{folder}_{short(size)}"]
            yield self.stage(f"{name}_{short(size)}", name, own)

    def stage(self, name: str, file_name: str, own: list[str]) -> StageRun:
        kind = ALL_STAGES.get(file_name, STAGES[FINAL])
        file = f"{self.recipe}/{file_name}.yaml"
        has_file = file_name not in (GAIN, UNION) or Path(file).is_file()
        config_class = kind.config_class()
        known = {field.name for field in fields(config_class)}
        values = read_yaml_mapping(file) if has_file else {}
        replaced = list(_replaced(values, field_types(config_class), self.shared, self.run))
        if takes_shared_seeds(values, known):
            replaced += [pair for pair in _replaced_seeds(self.shared, self.run) if pair[0] in known - values.keys()]
        argv = [*(["--config", file] if has_file else []), *_flatten(replaced)]
        if self.placement:
            argv += self.placement(file_name, kind)
        for key, words in self.overrides:
            stage, _, field = key.rpartition(".")
            if field in known and stage in ("", file_name, name):
                argv += [f"--{field}", *words]
        argv += own
        config: Any = load(config_class, argv, future=[self.run.output_dir, *self.future])
        launcher = [sys.executable]
        if kind.devices == "training":
            launcher += ["-m", "accelerate.commands.launch", "--quiet", "--config_file", self.run.accelerate_config]
        return StageRun(name, file_name, kind, config, launcher, [shipped(kind.script), *argv])


def _replaced(values: dict, hints: dict[str, Any], shared: dict, run: RunConfig) -> Iterator[tuple[str, list[str]]]:
    """Yield overrides for the values of a stage file that this run replaces.

    These are the paths below the run's folder, the base model with its revision, and in lists the final model, of
    which there may be one of each size.
    """
    for key, value in values.items():
        sized = _sizes(value, run.final_sizes)
        if key == "model_revision" and value == shared.get("model_revision"):
            sized = run.model_revision
        moved = map_paths(sized, hints.get(key), lambda _, path, kind: _move(path, kind, shared, run), key)
        if moved != value:
            yield key, to_words(moved)


def _replaced_seeds(shared: dict, run: RunConfig) -> Iterator[tuple[str, list[str]]]:
    """Yield overrides for the options of the seeds that the command line sets for the whole run."""
    for key in SEED_OPTIONS:
        value, default = getattr(run, key), getattr(RunConfig, key)
        if value != default and value != find_shipped(str(shared.get(key, default))):
            yield key, [value]


def _sizes(value: Any, sizes: list[int] | None) -> Any:
    """Return a list or mapping with the final models of all sizes in the place of the final model."""
    if not sizes:
        return value
    if isinstance(value, list):
        return [one for item in value for one in _sized_item(item, sizes)]
    if isinstance(value, dict) and FINAL in value:
        named = {name: item for name, item in value.items() if name != FINAL}
        return named | {f"{FINAL}_{short(size)}": f"{value[FINAL]}-{short(size)}" for size in sizes}
    return value


def _sized_item(item: Any, sizes: list[int]) -> list[Any]:
    path = item.get("path") if isinstance(item, dict) else item
    if not isinstance(path, str) or Path(path).name != FINAL:
        return [item]
    if not isinstance(item, dict):
        return [f"{path}_{short(size)}" for size in sizes]
    named = [{"name": f"{item['name']}-{short(size)}"} if item.get("name") else {} for size in sizes]
    return [{**item, "path": f"{path}_{short(size)}", **name} for size, name in zip(sizes, named, strict=True)]


def short(size: int) -> str:
    """Return a number of rows as names have it: 9000 is "9k"."""
    return f"{size // 1000}k" if size % 1000 == 0 else str(size)


def _move(path: str, kind: PathKind, shared: dict, run: RunConfig) -> str:
    if path == shared.get("model"):
        return run.model
    root = shared.get("output_dir")
    if root not in (None, ".") and Path(path).is_relative_to(root):
        return str(Path(run.output_dir) / Path(path).relative_to(root))
    return path


def _split_overrides(argv: Sequence[str]) -> list[tuple[str, list[str]]]:
    overrides: list[tuple[str, list[str]]] = []
    for word in argv:
        if word.startswith("--"):
            key, equals, value = word.removeprefix("--").partition("=")
            overrides.append((key.replace("-", "_"), [value] if equals else []))
        elif overrides:
            overrides[-1][1].append(word)
        else:
            raise ConfigError(None, f"{word}: a value without its --field", COMMAND_LINE)
    return overrides


def _flatten(overrides: Iterable[tuple[str, list[str]]]) -> list[str]:
    return [word for key, words in overrides for word in (f"--{key}", *words)]


def _refuse_unused(overrides: list[tuple[str, list[str]]], stages: list[StageRun]) -> None:
    taken = {
        name
        for stage in stages
        for field in fields(stage.config)
        for name in (field.name, f"{stage.name}.{field.name}", f"{stage.file}.{field.name}")
    }
    for key, _ in overrides:
        if key not in taken:
            for stage in stages:
                refuse_renamed(type(stage.config), [key.rpartition(".")[2]], COMMAND_LINE)
            names = dict.fromkeys(stage.file for stage in stages)
            raise ConfigError(
                f"--{key}", f"no stage has this field; write --field or --stage.field ({', '.join(names)})"
            )
