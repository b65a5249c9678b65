"""From a recipe folder and the command line to the stages of a run: every file is read before any stage runs."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kun_recipes.chain.config import RunConfig
from kun_recipes.chain.graph import check_inputs
from kun_recipes.chain.kinds import FINAL, STAGES, Kind
from kun_recipes.chain.stages import Chain, StageRun
from kun_recipes.config.options import COMMAND_LINE, ConfigError, load, read_yaml_mapping

Placement = Callable[[str, Kind], list[str]]
"""What a cluster adds to the command line of a stage, by the name of its YAML file and its kind."""


def load_chain(
    recipe: str,
    argv: Sequence[str],
    placement: Placement | None = None,
    future: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> Chain:
    """Read and check every YAML of a recipe folder before anything runs.

    Args:
        recipe: the folder.
        argv: `--field value` for the values of run.yaml and for every stage that has the field, and
            `--stage.field value` for one stage.
        future: folders whose content need not be there yet; that of the run itself never needs to.
        only: names of the stage files that the chain is made of; None: all.

    Raises:
        ConfigError: in any of the files, an override that no stage takes, or an input that no stage writes.
    """
    overrides = _split_overrides(argv)
    run_file = f"{recipe}/run.yaml"
    shared = read_yaml_mapping(run_file) if Path(run_file).is_file() else {}
    run_fields = {field.name for field in fields(RunConfig)}
    run_argv = _flatten((key, words) for key, words in overrides if key in run_fields)
    run = load(RunConfig, ["--config", run_file, *run_argv])
    if run.model != shared.get("model") and "--model_revision" not in run_argv:
        run.model_revision = None  # it was another model's
    reader = _Reader(recipe, run, shared, [one for one in overrides if one[0] not in run_fields], placement, future)
    stages = [stage for name in _files(recipe) for stage in reader.stages(name)]
    if not stages:
        raise ConfigError(None, f"holds no stage; a stage's file is {', '.join(STAGES)}.yaml", recipe)
    _refuse_unused(reader.overrides, stages)
    chain = Chain(run, [stage for stage in stages if only is None or stage.file in only])
    check_inputs(chain, recipe)
    return chain


def _files(recipe: str) -> list[str]:
    """Names of the stage files there are, in the order of the chain; further final models follow the final model."""
    found = []
    for name in STAGES:
        found += [name] if Path(recipe, f"{name}.yaml").is_file() else []
        found += sorted(path.stem for path in Path(recipe).glob(f"{FINAL}_*.yaml")) if name == FINAL else []
    return found


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

    def stages(self, name: str) -> Iterator[StageRun]:
        """The stage of a file, or one for each size of the final model."""
        if name != FINAL or not self.run.final_sizes:
            yield self.stage(name, name, [])
            return
        folder = self.stage(name, name, []).config.output_dir
        for size in self.run.final_sizes:
            own = ["--train_rows", str(size), "--output_dir", f"{folder}_{_short(size)}"]
            yield self.stage(f"{name}_{_short(size)}", name, own)

    def stage(self, name: str, file_name: str, own: list[str]) -> StageRun:
        kind = STAGES.get(file_name, STAGES[FINAL])
        file = f"{self.recipe}/{file_name}.yaml"
        config_class = kind.config()
        known = {field.name for field in fields(config_class)}
        values = read_yaml_mapping(file)
        argv = ["--config", file, *_flatten(_replaced(values, self.shared, self.run))]
        if self.placement:
            argv += self.placement(file_name, kind)
        for key, words in self.overrides:
            stage, _, field = key.rpartition(".")
            if field in known and stage in ("", file_name, name):
                argv += [f"--{field}", *words]
        argv += own
        config = load(config_class, argv, future=[self.run.output_dir, *self.future])
        launcher = [sys.executable]
        if kind.training:
            launcher += ["-m", "accelerate.commands.launch", "--quiet", "--config_file", self.run.accelerate_config]
        return StageRun(name, file_name, kind, config, launcher, [kind.script, *argv])


def _replaced(values: dict, shared: dict, run: RunConfig) -> Iterator[tuple[str, list[str]]]:
    """Overrides for the values of a stage file that this run replaces: those that repeat a value of run.yaml, and in
    lists the final model, of which there may be one of each size."""
    for key, value in values.items():
        items = value if isinstance(value, list) else [value]
        sized = [one for item in items for one in _sizes(item, run.final_sizes)] if isinstance(value, list) else items
        moved = [_move(item, shared, run) for item in sized]
        if moved != items:
            yield key, [str(item) for item in moved]


def _sizes(item: Any, sizes: list[int] | None) -> list[Any]:
    """What an item of a list stands for: the final model's folder, or its name and `=…`, for those of all sizes."""
    name, equals, rest = item.partition("=") if isinstance(item, str) else ("", "", "")
    if not sizes or Path(name).name != FINAL:
        return [item]
    return [f"{name}_{_short(size)}" + (f"={rest}-{_short(size)}" if equals else "") for size in sizes]


def _short(size: int) -> str:
    return f"{size // 1000}k" if size % 1000 == 0 else str(size)


def _move(value: Any, shared: dict, run: RunConfig) -> Any:
    if not isinstance(value, str):
        return value
    if value == shared.get("model"):
        return run.model
    if value == shared.get("model_revision"):
        return run.model_revision
    root = shared.get("output_dir")
    if root not in (None, ".") and Path(value).is_relative_to(root):
        return str(Path(run.output_dir) / Path(value).relative_to(root))
    return value


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
            names = dict.fromkeys(stage.file for stage in stages)
            raise ConfigError(
                f"--{key}", f"no stage has this field; write --field or --stage.field ({', '.join(names)})"
            )
