"""Typed YAML: a parsed document into frozen dataclasses, and no key goes unread.

Beside numbers, text and lists, a field may be a `re.Pattern` or `Phrases`: in the file a list of regular expressions
over narrowed text (kun_recipes.text.views), which become one pattern. `Phrases` is for long lists and long texts.
"""

import difflib
import re
import types
from dataclasses import dataclass, fields, is_dataclass
from importlib.resources.abc import Traversable
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from kun_recipes.errors import UserError
from kun_recipes.text.phrases import FLAGS, Phrases, check_pattern
from kun_recipes.text.views import narrow

Section = TypeVar("Section")
Setting = TypeVar("Setting")


@dataclass(frozen=True)
class PerText(Generic[Setting]):
    """One setting for each of the three texts that the rules read."""

    segment: Setting
    instruction: Setting
    answer: Setting


def load_typed(source: Traversable, kind: type[Section]) -> Section:
    """Read a YAML file into a frozen dataclass.

    Raises UserError, naming the file and the key, for a missing or unreadable file, an unknown or missing key, a value
    of the wrong type and a pattern that does not compile or cannot match.
    """
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    try:
        return read_value(yaml.safe_load(source.read_text(encoding="utf-8")), kind, "")
    except UnicodeDecodeError as error:
        raise UserError(f"{source}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except yaml.YAMLError as error:
        raise UserError(f"{source}: not YAML: {' '.join(str(error).split())}") from error
    except BadValue as error:
        raise UserError(f"{source}: {error}") from error


class BadValue(Exception):
    """A value that does not fit; the message opens with its key."""


def read_value(value: Any, kind: Any, key: str) -> Any:
    """The value as the field's type wants it: section, list, patterns, number or text."""
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin in (types.UnionType, Union):
        return None if value is None else read_value(value, arguments[0], key)
    if is_dataclass(origin):
        return _read_section(value, origin, arguments, key)
    if origin is tuple:
        return tuple(read_value(item, arguments[0], f"{key}[{place}]") for place, item in enumerate(_list(value, key)))
    if origin is re.Pattern:
        return re.compile("|".join(f"(?:{pattern})" for pattern in _read_patterns(value, key)), FLAGS)
    if origin is Phrases:
        return Phrases(_read_patterns(value, key))
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise BadValue(f"{key}: {value!r} is not of type {kind.__name__}")
    if kind is not str and (value < 0 or ("share" in key and value > 1)):
        raise BadValue(f"{key}: {value} is out of range")
    return value


def _read_section(value: Any, section: type, arguments: tuple[Any, ...], key: str) -> Any:
    if not isinstance(value, dict):
        raise BadValue(f"{key or 'the file'}: not a section of keys")
    names = [field.name for field in fields(section)]
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in names:
            nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)[0]
            raise BadValue(f"{prefix}{name}: unknown key, did you mean {nearest!r}?")
    kinds = {name: arguments[0] if kind is Setting else kind for name, kind in get_type_hints(section).items()}
    for name in names:
        if name not in value:
            may_be_null = type(None) in get_args(kinds[name])
            raise BadValue(f"{prefix}{name}: missing{'; write null for none' if may_be_null else ''}")
    return section(**{name: read_value(value[name], kinds[name], prefix + name) for name in names})


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadValue(f"{key}: {value!r} is not a list")
    return value


def _read_patterns(value: Any, key: str) -> list[str]:
    """Regular expressions that compile and can match narrowed text."""
    patterns = _list(value, key)
    for place, pattern in enumerate(patterns):
        item = f"{key}[{place}]"
        if not isinstance(pattern, str) or not pattern:
            raise BadValue(f"{item}: {pattern!r} is not a regular expression")
        if wide := next((wide for wide, slim in zip(pattern, narrow(pattern), strict=True) if wide != slim), None):
            raise BadValue(f"{item}: {wide!r} can never match, rules read {narrow(wide)!r} in its place")
        try:
            check_pattern(pattern)
        except re.error as error:
            raise BadValue(f"{item}: {error} in {pattern!r}") from error
    if not patterns:
        raise BadValue(f"{key}: an empty list; null switches a check off")
    return patterns
