"""Options: the fields of config classes, each declared once with its default, meaning, unit, source and limits."""

import dataclasses
import glob
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kun_recipes.config.paths import config_paths
from kun_recipes.config.types import Limits
from kun_recipes.config.values import check_limits
from kun_recipes.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class OptionSpec:
    """Declaration of an option beyond its type and default.

    Attributes:
        package_files: files of the package that the stage reads for this option; see `option`.
        named_in: where the option's file names others to be read in their place; see `option`.
    """

    limits: Limits
    choices: tuple[str, ...]
    affects_rows: bool
    selects: bool = False
    package_files: tuple[str, ...] = ()
    named_in: Mapping[str, str] = dataclasses.field(default_factory=dict)


class _HelpText(str):
    """Help text that carries the option's spec: argparse, which gets a field's metadata, takes no other key."""

    spec: OptionSpec


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    unit: str | None = None,
    source: str | None = None,
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    choices: Sequence[str] = (),
    affects_rows: bool = True,
    selects: bool = False,
    package_file: str | Sequence[str] = (),
    named_in: Mapping[str, str] | None = None,
) -> Any:
    """Declare a field of a config class.

    Args:
        default: left out, the field is required. A list or mapping is copied.
        source: where the default comes from, such as a section of the paper.
        min, max: inclusive bounds; `above` is an exclusive lower bound. Each also holds for the items of a list.
        choices: the texts allowed in each item of a list; a single text says it by its `Literal` type.
        package_file: file, or files, below kun_recipes/ that the stage reads for this option. Their content is part of
            what a run was asked. Of a path, the first is read where no path is given, and the others always. Of any
            other option, all are read unless it is null.
        named_in: for a file of the package the key (`section.key`) under which the option's own file names another one
            that is read in its place, and so is part of what a run was asked.
        affects_rows: False for what only says where or how fast, and so may change when a run is continued.
        selects: True for what only selects among measured rows: a finished stage with another value selects again.

    That an option is a path, its type says: `kun_recipes.config.types`.
    """
    notes = [f"unit: {unit}"] if unit else []
    notes += [f"one of {', '.join(choices)}"] if choices else []
    notes += [f"source: {source}"] if source else []
    notes += ["only selects"] if selects else []
    package_files = (package_file,) if isinstance(package_file, str) else tuple(package_file)
    text = _HelpText((f"{help} [{'; '.join(notes)}]" if notes else help).replace("%", "%%"))
    limits = Limits(min, max, above)
    text.spec = OptionSpec(limits, tuple(choices), affects_rows, selects, package_files, dict(named_in or {}))
    metadata = {"help": text}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def spec_of(field: dataclasses.Field) -> OptionSpec | None:
    """Return the spec of an option; None for a field that is inherited from a library's own configuration."""
    return getattr(field.metadata.get("help"), "spec", None)


def affects_rows(field: dataclasses.Field) -> bool:
    """Return whether a stage run with another value of this field would write other rows."""
    spec = spec_of(field)
    return spec is None or spec.affects_rows


def check_values(config: Any, future: Sequence[str], prefix: str = "") -> None:
    """Check every option's value and the paths that must exist.

    Args:
        future: folders whose content need not exist yet, such as what earlier stages will write.

    Raises:
        ConfigError: a value out of range, an empty text or list, a missing path.
    """
    for field in dataclasses.fields(config):
        if field.init and (spec := spec_of(field)):
            _check_value(getattr(config, field.name), spec, prefix + field.name, future)
    if prefix:
        return  # the paths of nested sections are among those of the whole
    for path in config_paths(config):
        may_come = (path.kind.hub and path.is_hub_id) or any(map(Path(path.value).is_relative_to, future))
        if path.kind.exists and not may_come and not is_there(path.value):
            raise ConfigError(path.key, f"no such file or folder: {path.value}")


def _check_value(value: Any, spec: OptionSpec, key: str, future: Sequence[str]) -> None:
    if value == [] or value == {}:
        raise ConfigError(key, "is empty; give at least one value")
    many = isinstance(value, list)
    for place, item in enumerate(value if many else [value]):
        name = f"{key}[{place}]" if many else key
        if item is None:
            continue
        if dataclasses.is_dataclass(item):
            check_values(item, future, f"{name}.")
            continue
        if item == "":
            raise ConfigError(name, "must not be empty")
        if isinstance(item, float) and math.isnan(item):
            raise ConfigError(name, "must be a number, not nan")
        if isinstance(item, int | float) and not isinstance(item, bool):
            check_limits(item, spec.limits, name)
        if spec.choices and item not in spec.choices:
            raise ConfigError(name, f"must be one of {', '.join(spec.choices)}, not {item}")


def is_there(path: str) -> bool:
    """Return whether a path or a glob names anything; addresses are not looked up."""
    if "://" in path or Path(path).exists():
        return True
    return glob.has_magic(path) and next(glob.iglob(path, recursive=True), None) is not None
