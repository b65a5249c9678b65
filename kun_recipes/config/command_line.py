"""Strict configuration: a YAML file and the command line into one dataclass, by the parser of transformers.

That parser, which TRL's scripts have, too, reads words of the command line and makes the dataclass, but checks neither
the types of YAML values nor ranges and paths. Values that it lets pass are refused here, before loading: one
line on stderr that names the file and the key, exit code 2.
"""

import argparse
import dataclasses
import itertools
import sys
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from kun_recipes.config.options import check_values, spec_of
from kun_recipes.config.paths import map_paths, option_of
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.config.shared import RUN_FILE, shared_seeds
from kun_recipes.config.types import PathKind, field_types, is_optional, without_null
from kun_recipes.config.values import nearest, read_value
from kun_recipes.config.words import read_pair_word, read_section_word
from kun_recipes.errors import ConfigError, UserError, print_once_per_machine
from kun_recipes.shipped import find_shipped

Config = TypeVar("Config", bound=Any)
COMMAND_LINE = "command line"


def parse(config_class: type[Config], argv: Sequence[str] | None = None) -> Config:
    """Load as `load` does. A mistake ends the process with one line on stderr and exit code 2: for scripts."""
    try:
        return load(config_class, sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print_once_per_machine(error)
        sys.exit(2)


def load(config_class: type[Config], argv: Sequence[str], future: str | Sequence[str] = ()) -> Config:
    """Read `--config FILE` and `--field value` overrides into a config class.

    A stage file that names no seeds takes those of the run.yaml in its folder.

    Args:
        config_class: a dataclass whose fields are made by `option`; its `check` method, if any, is called last.
        argv: the command line without the program.
        future: a folder, or several, whose content need not exist yet, such as what earlier stages will write.

    Raises:
        ConfigError: unknown key, wrong type, value out of range, missing path, impossible combination.
    """
    argv = list(argv)
    file = _take_config_file(argv)
    refuse_renamed(config_class, _names_given(argv), COMMAND_LINE)
    hints = field_types(config_class)
    shared: dict[str, Any] = {}
    try:
        written = read_yaml_mapping(file) if file else {}
        refuse_renamed(config_class, written, file)
        values = _typed(written, hints)
        shared = _typed(shared_seeds(file, values, hints), hints) if file else {}
    except ConfigError as error:
        error.where = file
        raise
    values |= shared
    unset = _take_nulls(argv, hints)
    values |= dict.fromkeys(unset.values())
    fields = {field.name: field for field in dataclasses.fields(config_class) if field.init}
    _require(fields, values, argv, file)
    config = _parse(config_class, values, argv, file)
    _find_shipped_files(config, hints)
    try:
        check_values(config, [future] if isinstance(future, str) else future)
        if hasattr(config, "check"):
            config.check()
    except ConfigError as error:
        field = option_of(error.key or "")
        written_in = str(Path(file).with_name(RUN_FILE)) if file and field in shared else file
        error.where = error.where or (COMMAND_LINE if _is_given(field, [*argv, *unset]) else written_in)
        raise
    return config


def refuse_renamed(config_class: type, names: Iterable[str], where: str | None) -> None:
    """Raise ConfigError for options that have another name now, in a class that says so: its `RENAMED`."""
    renamed = getattr(config_class, "RENAMED", {})
    if found := [f"{name} {renamed[name]}" for name in names if name in renamed]:
        raise ConfigError(None, "; ".join(found), where)


def _take_nulls(argv: list[str], hints: dict[str, Any]) -> dict[str, str]:
    """Remove `--field null` from a command line where a field may be null; return the fields by their words.

    argparse knows null for numbers alone. As with any value, the last word for a field counts.
    """
    starts = [place for place, word in enumerate(argv) if word.startswith("--")] + [len(argv)]
    kept = argv[: starts[0]]
    options = [argv[start:end] for start, end in itertools.pairwise(starts)]
    names = [words[0].partition("=")[0].removeprefix("--").replace("-", "_") for words in options]
    last = {name: place for place, name in enumerate(names)}
    taken: dict[str, str] = {}
    for name, words in zip(names, options, strict=True):
        final, nullable = options[last[name]], is_optional(hints.get(name))
        if nullable and _is_null(final):
            taken[final[0].partition("=")[0]] = name
        elif not (nullable and _is_null(words)):
            kept += words
    argv[:] = kept
    return taken


def _is_null(words: list[str]) -> bool:
    return (words[1:] or [words[0].partition("=")[2]]) in (["None"], ["null"])


def _find_shipped_files(config: Any, hints: dict[str, Any]) -> None:
    """Replace paths of files that come with the package, such as a prompt, by where they lie."""

    def find(_key: str, path: str, kind: PathKind) -> str:
        return path if kind.written else find_shipped(path)

    for name, hint in hints.items():
        setattr(config, name, map_paths(getattr(config, name), hint, find, name))


def _take_config_file(argv: list[str]) -> str | None:
    """Remove `--config FILE` from a command line, and return the file."""
    if wrong := [word for word in argv if word.startswith("--config=")]:
        raise ConfigError(None, f"{wrong[0]}: write --config FILE, with a space", COMMAND_LINE)
    if "--config" not in argv:
        return None
    position = argv.index("--config")
    if position + 1 == len(argv):
        raise ConfigError(None, "--config needs a file", COMMAND_LINE)
    del argv[position]
    return find_shipped(argv.pop(position))


def _typed(values: dict[str, Any], hints: dict[str, Any]) -> dict[str, Any]:
    for key in values:
        if key not in hints:
            raise ConfigError(str(key), f"unknown key{nearest(key, hints) or '; --help lists all keys'}")
    return {key: read_value(value, hints[key], key) for key, value in values.items()}


def _require(fields: dict[str, dataclasses.Field], values: dict, argv: list[str], file: str | None) -> None:
    missing = dataclasses.MISSING
    for name, field in fields.items():
        required = field.default is missing and field.default_factory is missing
        if required and name not in values and not _is_given(name, argv) and not {"-h", "--help"} & set(argv):
            raise ConfigError(name, f"is required: set it in the YAML or by --{name}", file or COMMAND_LINE)


def _is_given(field: str, argv: list[str]) -> bool:
    """Return whether the command line sets a field, in any spelling of argparse: --a_b 1, --a-b 1, --a_b=1."""
    return field in _names_given(argv)


def _names_given(argv: Iterable[str]) -> list[str]:
    words = [word.partition("=")[0].removeprefix("--") for word in argv if word.startswith("--")]
    return [word.replace("-", "_") for word in words]


def _parse(config_class: type[Config], values: dict[str, Any], argv: list[str], file: str | None) -> Config:
    parser = _parser(config_class, values)
    try:
        config, unknown = parser.parse_args_into_dataclasses(
            argv, return_remaining_strings=True, look_for_args_file=False
        )
    except ConfigError as error:
        error.where = error.where or COMMAND_LINE
        raise
    except ValueError as error:  # of the class itself: TRL's refuses combinations when it is made
        raise ConfigError(None, " ".join(str(error).split()), file or COMMAND_LINE) from error
    if unknown:
        near = nearest(unknown[0].lstrip("-"), [field.name for field in dataclasses.fields(config_class)], "--")
        raise ConfigError(unknown[0], f"unknown argument{near or '; --help lists all options'}", COMMAND_LINE)
    return config


def _parser(config_class: type, values: dict[str, Any]) -> Any:
    from transformers import HfArgumentParser  # here: a user of the library alone need not wait for it

    class StrictParser(HfArgumentParser):
        def add_argument(self, *flags: Any, **form: Any) -> argparse.Action:
            action = super().add_argument(*flags, **form)
            if action.dest in values:
                action.default, action.required = values[action.dest], False
            return action

        def error(self, message: str) -> typing.NoReturn:
            raise ConfigError(None, message, COMMAND_LINE)

        @staticmethod
        def _parse_dataclass_field(parser: argparse.ArgumentParser, field: dataclasses.Field) -> None:
            if not _add_structured(parser, field):
                HfArgumentParser._parse_dataclass_field(parser, field)

    summary = (config_class.__doc__ or "").strip().split("\n")[0]
    return StrictParser(
        dataclass_types=[config_class],
        description=summary,
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows each field's default, and which fields have none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return f"{action.help} (required)" if action.required else super()._get_help_string(action)


def _add_structured(parser: argparse.ArgumentParser, field: dataclasses.Field) -> bool:
    """Add an option of type list of sections or mapping; return False for any other."""
    if spec_of(field) is None:
        return False  # TRL's own take JSON
    hint = without_null(field.type)[0]
    origin, arguments = get_origin(hint), get_args(hint)
    about = field.metadata.get("help", "")
    section: Any = arguments[0] if origin is list and arguments else hint
    if origin is list and dataclasses.is_dataclass(arguments[0]):
        names = ",".join(f"{one.name}=…" for one in dataclasses.fields(section))
        form: dict[str, Any] = {
            "nargs": "+",
            "type": lambda word: read_section_word(word, section, field.name),
            "metavar": "key=value,…",
            "help": f"{about} [each: {names}]",
        }
    elif dataclasses.is_dataclass(hint):
        form = {"type": lambda word: read_section_word(word, section, field.name), "metavar": "JSON", "help": about}
    elif origin is dict and arguments:
        form = {
            "nargs": "+",
            "type": lambda word: read_pair_word(word, arguments[1], field.name),
            "action": _Mapping,
            "metavar": "name=value",
            "help": about,
        }
    else:
        return False
    flags = [f"--{field.name}", *([f"--{field.name.replace('_', '-')}"] if "_" in field.name else [])]
    missing = dataclasses.MISSING
    required = field.default is missing and field.default_factory is missing
    factory = field.default_factory
    default = field.default if factory is missing else factory()
    parser.add_argument(*flags, required=required, default=None if required else default, **form)
    return True


class _Mapping(argparse.Action):
    """Stores `name=value` words as a mapping."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        mapping: dict[str, Any] = {}
        for name, value in values:
            if name in mapping:
                raise ConfigError(self.dest, f"{name} is given twice")
            mapping[name] = value
        setattr(namespace, self.dest, mapping)
