"""Values of YAML as the types of dataclass fields: the one reader for options, settings files and model sources.

Beside numbers, texts, lists and mappings, a field may be another dataclass, a `re.Pattern`, or `Phrases`: in the file
a list of regular expressions over narrowed text (kun_recipes.text.views), which become one pattern.
"""

import contextlib
import dataclasses
import difflib
import enum
import re
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from kun_recipes.config.types import Format, Limits, field_types, is_optional, without_null
from kun_recipes.errors import ConfigError
from kun_recipes.text.phrases import FLAGS, Phrases, check_pattern
from kun_recipes.text.views import narrow

Item = TypeVar("Item")


class _WrongType(ConfigError):
    """A value of the wrong type: where a field takes several types, the next may fit."""


def read_value(value: Any, hint: Any, key: str) -> Any:
    """Return a YAML value as a field's type wants it.

    Args:
        hint: the type. Types that YAML cannot hold are left to the class itself.
        key: where the value stands, such as "corpora[0].format", for messages.

    Raises:
        ConfigError: a wrong type, a number out of its limits, an unknown or missing key, a pattern that does not
            compile or cannot match.
    """
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is Annotated:
        read = read_value(value, arguments[0], key)
        for mark in arguments[1:]:
            if isinstance(mark, Limits):
                check_limits(read, mark, key)
            elif isinstance(mark, Format) and not re.fullmatch(mark.pattern, read):
                raise ConfigError(key, f"must be {mark.name}, not {read!r}")
        return read
    if origin in (types.UnionType, Union):
        return _read_any_of(value, hint, key)
    if dataclasses.is_dataclass(origin):
        return _read_section(value, origin, arguments, key)
    if origin in (list, tuple):
        items = _checked(value, list, hint, key)
        return origin(read_value(item, arguments[0], f"{key}[{place}]") for place, item in enumerate(items))
    if origin is dict and arguments:
        mapping = _mapping(value, key)
        if odd := [name for name in mapping if not isinstance(name, str)]:
            raise ConfigError(f"{key}.{odd[0]}", "must be text; put it in quotes")
        return {name: read_value(item, arguments[1], f"{key}.{name}") for name, item in mapping.items()}
    if origin is re.Pattern:
        return re.compile("|".join(f"(?:{pattern})" for pattern in _read_patterns(value, key)), FLAGS)
    if origin is Phrases:
        return Phrases(_read_patterns(value, key))
    if not _fits(value, hint):
        raise _WrongType(key, f"must be {type_name(hint)}, not {value!r}")
    return float(value) if hint is float and isinstance(value, str) else value


def read_word(word: str, hint: Any, key: str) -> Any:
    """Return a word of the command line as a field's type wants it; of several types, as the first that it fits."""
    if is_optional(hint) and word in ("None", "null"):
        return None
    arm, *others = without_null(hint)
    if others:
        for one in (arm, *others):
            with contextlib.suppress(ConfigError):
                return read_word(word, one, key)
        return _read_any_of(word, hint, key)
    plain = get_args(arm)[0] if get_origin(arm) is Annotated else arm
    value: Any = word
    if plain is bool and word.lower() in ("true", "false"):
        value = word.lower() == "true"
    elif plain is int and re.fullmatch(r"[+-]?\d+", word):
        value = int(word)
    elif get_origin(plain) is list:
        value = word.split("+")
    return read_value(value, arm, key)


def first_repeated(values: Sequence[Item]) -> Item | None:
    """Return the first of some values that occurs more than once, or None."""
    return next((value for value in values if values.count(value) > 1), None)


def nearest(name: object, known: Iterable[str], prefix: str = "") -> str:
    """Return "; did you mean …?" for a misspelt name, or "" where nothing is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def check_limits(value: Any, limits: Limits, key: str) -> None:
    """Raise ConfigError when a number, if it is one, is out of its limits."""
    if value is None:
        return
    if limits.min is not None and value < limits.min:
        raise ConfigError(key, f"must be at least {limits.min}, not {value}")
    if limits.above is not None and value <= limits.above:
        raise ConfigError(key, f"must be above {limits.above}, not {value}")
    if limits.max is not None and value > limits.max:
        raise ConfigError(key, f"must be at most {limits.max}, not {value}")


def type_name(hint: Any) -> str:
    """Return a type annotation in the words of an error message."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if origin in (list, tuple):
        return f"a list of {type_name(arguments[0])}"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "a mapping"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in hint)
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _read_any_of(value: Any, hint: Any, key: str) -> Any:
    if value is None and is_optional(hint):
        return None
    for arm in without_null(hint):
        try:
            return read_value(value, arm, key)
        except _WrongType as error:
            if error.key != key:
                raise  # something inside of a list or a section
    raise ConfigError(key, f"must be {type_name(hint)}, not {value!r}")


def _read_section(value: Any, section: Any, arguments: tuple[Any, ...], key: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(section)}
    mapping = _mapping(value, key)
    prefix = f"{key}." if key else ""
    for name in mapping:
        if name not in fields:
            raise ConfigError(f"{prefix}{name}", f"unknown key{nearest(name, fields)}")
    hints = field_types(section)
    if arguments:
        hints = {name: arguments[0] if isinstance(kind, TypeVar) else kind for name, kind in hints.items()}
    missing = dataclasses.MISSING
    for name, field in fields.items():
        if name not in mapping and field.default is missing and field.default_factory is missing:
            raise ConfigError(f"{prefix}{name}", f"is missing{_allowed(hints[name])}")
    read = {name: read_value(item, hints[name], prefix + name) for name, item in mapping.items()}
    try:
        return section(**read)
    except ConfigError as error:  # of its own __post_init__, which knows its keys only
        error.key = f"{prefix}{error.key}" if error.key else key
        raise


def _allowed(hint: Any) -> str:
    if is_optional(hint):
        return "; write null if it is unknown"
    return f"; must be {type_name(hint)}" if get_origin(hint) is Literal else ""


def _mapping(value: Any, key: str) -> dict:
    if not isinstance(value, dict):
        raise _WrongType(key or None, f"must be a mapping, `key: value` per line, not {value!r}")
    return value


def _checked(value: Any, kind: type, hint: Any, key: str) -> Any:
    if not isinstance(value, kind):
        raise _WrongType(key, f"must be {type_name(hint)}, not {value!r}")
    return value


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is float:
        return _reads_as_float(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, dict, list, type(None)):
        return isinstance(value, hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    return True


def _reads_as_float(value: Any) -> bool:
    # YAML 1.1 reads 2e-5, without a point, as a string
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_patterns(value: Any, key: str) -> list[str]:
    """Return regular expressions that compile and can match narrowed text."""
    patterns = value
    if not isinstance(patterns, list):
        raise ConfigError(key, f"must be a list of regular expressions, not {value!r}")
    for place, pattern in enumerate(patterns):
        item = f"{key}[{place}]"
        if not isinstance(pattern, str) or not pattern:
            raise ConfigError(item, f"must be a regular expression, not {pattern!r}")
        if wide := next((wide for wide, slim in zip(pattern, narrow(pattern), strict=True) if wide != slim), None):
            raise ConfigError(item, f"{wide!r} can never match; rules read {narrow(wide)!r} instead")
        try:
            check_pattern(pattern)
        except re.error as error:
            raise ConfigError(item, f"{error} in {pattern!r}") from error
    if not patterns:
        raise ConfigError(key, "is an empty list; write null to switch the check off")
    return patterns
