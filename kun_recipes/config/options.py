"""Strict configuration: a flat YAML and the command line into one dataclass, by TRL's parser.

`TrlParser` reads the YAML and the command line, but checks neither the types of YAML values nor ranges and paths. What
it lets pass stops here, before anything is loaded: one line on stderr that names the file and the key, exit code 2.
"""

import argparse
import dataclasses
import difflib
import glob
import math
import re
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kun_recipes.config.yaml_types import has_type, type_name
from kun_recipes.errors import tell

Config = TypeVar("Config")
COMMAND_LINE = "command line"
_HUB_DATASET = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?<!\.jsonl)(?<!\.parquet)")


class ConfigError(Exception):
    """A value that cannot work. `check` methods of config classes raise it; `parse` adds where the value came from."""

    def __init__(self, key: str | None, message: str, where: str | None = None):
        super().__init__(message)
        self.key, self.message, self.where = key, message, where

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class _Help(str):
    """Help text that carries the field's limits: argparse, which gets a field's metadata, knows no other key."""

    limits: dict[str, Any]
    affects_rows: bool


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    unit: str | None = None,
    source: str | None = None,
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    choices: Sequence[str] | None = None,
    exists: bool = False,
    or_hub: bool = False,
    affects_rows: bool = True,
) -> Any:
    """A field of a config class, declared once: its default, meaning, unit, source and limits.

    Args:
        default: left out, the field is required. A list is copied.
        source: where the default comes from, such as a section of the paper.
        min, max: inclusive bounds; `above` is an exclusive lower bound. Each also holds for the items of a list.
        choices: the strings allowed in each item of a list; a single string says it by its `Literal` type.
        exists: the value, or each item of it, is a path that must exist, or a glob that must match. An address
            (`hf://…`) is left to whoever opens it.
        or_hub: a dataset's Hub id, org/name, is no path.
        affects_rows: False for what only says where or how fast, and so may change when a run is continued.
    """
    limits = {"min": min, "max": max, "above": above, "choices": choices, "exists": exists, "or_hub": or_hub}
    notes = [f"unit: {unit}"] if unit else []
    notes += [f"one of {', '.join(choices)}"] if choices else []
    notes += [f"source: {source}"] if source else []
    text = _Help((f"{help} [{'; '.join(notes)}]" if notes else help).replace("%", "%%"))
    text.limits, text.affects_rows = limits, affects_rows
    metadata = {"help": text}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def parse(config_class: type[Config], argv: Sequence[str] | None = None) -> Config:
    """`load`, for scripts: a mistake ends the process with one line on stderr and exit code 2."""
    try:
        return load(config_class, sys.argv[1:] if argv is None else argv)
    except ConfigError as error:
        tell(error)
        sys.exit(2)


def load(config_class: type[Config], argv: Sequence[str], future: str | Sequence[str] = ()) -> Config:
    """Read `--config FILE` and `--field value` overrides into a config class.

    Args:
        config_class: a dataclass whose fields are made by `option`; its `check` method, if any, is called last.
        argv: the command line without the program.
        future: a folder, or several, whose content need not exist yet, such as what earlier stages will write.

    Raises:
        ConfigError: unknown key, wrong type, value out of range, missing path, impossible combination.
    """
    argv = list(argv)
    file = _config_file(argv)
    values = read_yaml_mapping(file) if file else {}
    hints = typing.get_type_hints(config_class)
    fields = {field.name: field for field in dataclasses.fields(config_class) if field.init}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(str(key), f"unknown key{_nearest(str(key), fields)}", file)
        if not has_type(value, hints[key]):
            raise ConfigError(key, f"must be {type_name(hints[key])}, not {value!r}", file)
    _require(fields, values, argv, file)
    try:
        config, unknown = _parser(config_class).parse_args_and_config(argv, return_remaining_strings=True)
    except ValueError as error:  # of the class itself: TRL's refuses combinations when it is made
        raise ConfigError(None, " ".join(str(error).split()), file or COMMAND_LINE) from error
    if unknown:
        raise ConfigError(
            unknown[0], f"unknown argument{_nearest(unknown[0].lstrip('-'), fields, '--')}", COMMAND_LINE
        )
    for name in fields:
        if hints[name] == str | None and getattr(config, name) in ("None", "null"):
            setattr(config, name, None)  # argparse does so for numbers alone
    try:
        for field in fields.values():
            _check_limits(field, getattr(config, field.name), [future] if isinstance(future, str) else future)
        if hasattr(config, "check"):
            config.check()
    except ConfigError as error:
        error.where = COMMAND_LINE if error.key and _is_given(error.key, argv) else file
        raise
    return config


def _config_file(argv: list[str]) -> str | None:
    if wrong := [word for word in argv if word.startswith("--config=")]:
        raise ConfigError(None, f"{wrong[0]}: write --config FILE, with a space", COMMAND_LINE)
    if "--config" not in argv:
        return None
    position = argv.index("--config") + 1
    if position == len(argv):
        raise ConfigError(None, "--config needs a file", COMMAND_LINE)
    if not Path(argv[position]).is_file():
        raise ConfigError(None, "no such file", argv[position])
    return argv[position]


class _StrictLoader(yaml.SafeLoader):
    """YAML without silently repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)


def affects_rows(field: dataclasses.Field) -> bool:
    """Whether a stage run with another value of this field would write other rows."""
    return getattr(field.metadata.get("help"), "affects_rows", True)


def read_yaml_mapping(file: str | Path) -> dict[str, Any]:
    """Read a YAML mapping; raises ConfigError on text that is no YAML, no mapping, or repeats a key."""
    try:
        values = yaml.load(Path(file).read_text(encoding="utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(None, f"is not UTF-8 text ({error.reason} at byte {error.start})", str(file)) from error
    except yaml.YAMLError as error:
        raise ConfigError(None, " ".join(str(error).split()), str(file)) from error
    if not isinstance(values, dict):
        raise ConfigError(None, "must hold one `key: value` a line", str(file))
    return values


def _require(fields: dict, values: dict, argv: list[str], file: str | None) -> None:
    missing = dataclasses.MISSING
    for name, field in fields.items():
        required = field.default is missing and field.default_factory is missing
        if required and name not in values and not _is_given(name, argv) and not {"-h", "--help"} & set(argv):
            raise ConfigError(name, f"is required: set it in the YAML or by --{name}", file or COMMAND_LINE)


def _is_given(field: str, argv: list[str]) -> bool:
    """Whether the command line sets a field, in any spelling that argparse takes: --a_b 1, --a-b 1, --a_b=1."""
    given = {word.partition("=")[0].removeprefix("--") for word in argv if word.startswith("--")}
    return field in {name.replace("-", "_") for name in given}


def _parser(config_class: type) -> argparse.ArgumentParser:
    from trl import TrlParser  # here: a library user without TRL can still build the dataclasses

    class OneLineParser(TrlParser):
        def error(self, message: str) -> typing.NoReturn:
            raise ConfigError(None, message, COMMAND_LINE)

    summary = (config_class.__doc__ or "").strip().split("\n")[0]
    return OneLineParser(
        dataclass_types=[config_class],
        description=summary,
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows each field's default, and which fields have none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return f"{action.help} (required)" if action.required else super()._get_help_string(action)


def _nearest(key: str, fields: dict, prefix: str = "") -> str:
    near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
    return f"; did you mean {prefix}{near[0]}?" if near else "; --help lists what there is"


def _check_limits(field: dataclasses.Field, value: Any, future: Sequence[str]) -> None:
    text = field.metadata.get("help")
    if not isinstance(text, _Help):  # a field inherited from TRL's own configuration
        return
    limits = text.limits
    if value == []:
        raise ConfigError(field.name, "must hold at least one value, not an empty list")
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        if item == "":
            raise ConfigError(field.name, "must not be empty")
        if isinstance(item, float) and math.isnan(item):
            raise ConfigError(field.name, "must be a number, not nan")
        if limits["min"] is not None and item < limits["min"]:
            raise ConfigError(field.name, f"must be at least {limits['min']}, not {item}")
        if limits["above"] is not None and item <= limits["above"]:
            raise ConfigError(field.name, f"must be above {limits['above']}, not {item}")
        if limits["max"] is not None and item > limits["max"]:
            raise ConfigError(field.name, f"must be at most {limits['max']}, not {item}")
        if limits["choices"] is not None and item not in limits["choices"]:
            raise ConfigError(field.name, f"must be one of {', '.join(limits['choices'])}, not {item}")
        if limits["or_hub"] and _HUB_DATASET.fullmatch(item):
            continue
        if limits["exists"] and not _is_there(item) and not any(map(Path(item).is_relative_to, future)):
            raise ConfigError(field.name, f"no such file or folder: {item}")


def _is_there(path: str) -> bool:
    if "://" in path or Path(path).exists():
        return True
    return glob.has_magic(path) and next(glob.iglob(path, recursive=True), None) is not None
