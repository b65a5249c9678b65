"""Structured values as words of the command line: a section is `path=a.jsonl,format=jsonl`, a mapping `name=value`."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from kun_recipes.config.types import field_types
from kun_recipes.config.values import nearest, read_value, read_word
from kun_recipes.errors import ConfigError


def read_section_word(word: str, section: type, key: str) -> Any:
    """Read `field=value,field=value` into a dataclass.

    The first value may come without its name: `a.jsonl,format=jsonl`. A comma separates only before a known name. A
    value in which one stands is written as JSON: `{"path": "a,format=b.jsonl"}`.

    Raises:
        ConfigError: an unknown name, a missing one, or a value of the wrong type.
    """
    if word.startswith("{"):
        return read_value(_from_json(word, key), section, key)
    names = [field.name for field in dataclasses.fields(section)]
    first, *others = re.split(rf",(?=(?:{'|'.join(names)})=)", word)
    values = dict(part.split("=", 1) for part in others)
    if len(values) < len(others):
        raise ConfigError(key, f"{word}: a name is given twice")
    name, equals, value = first.partition("=")
    if name in names and equals:
        values[name] = value
    elif equals and re.fullmatch(r"[a-z_]+", name) and nearest(name, names):
        raise ConfigError(key, f"{name}: unknown key{nearest(name, names)}")
    else:
        values[names[0]] = first
    for item in values.values():
        if (wrong := re.search(r",([a-z_]+)=", item)) and nearest(wrong[1], names):
            raise ConfigError(key, f"{wrong[1]}: unknown key{nearest(wrong[1], names)}")
    hints = field_types(section)
    return read_value(
        {name: read_word(item, hints[name], f"{key}.{name}") for name, item in values.items()}, section, key
    )


def _from_json(word: str, key: str) -> Any:
    try:
        return json.loads(word)
    except ValueError as error:
        raise ConfigError(key, f"{word}: not JSON: {error}") from error


def read_pair_word(word: str, kind: Any, key: str) -> tuple[str, Any]:
    """Read `name=value`. Raises ConfigError on a word without one of the two, or a value of the wrong type."""
    name, _, value = (part.strip() for part in word.partition("="))
    if not (name and value):
        raise ConfigError(key, f"write name=value, not {word!r}")
    return name, read_word(value, kind, f"{key}.{name}")


def to_words(value: Any) -> list[str]:
    """Return a value, typed or as read from YAML, as words that the two functions above read."""
    if isinstance(value, Mapping):
        if any(isinstance(item, list | Mapping) for item in value.values()):
            return [json.dumps(dict(value), ensure_ascii=False)]
        return [f"{name}={item}" for name, item in value.items()]
    if isinstance(value, list | tuple):
        return [_item_word(item) for item in value]
    return [_item_word(value)]


def _item_word(item: Any) -> str:
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        item = {
            field.name: getattr(item, field.name)
            for field in dataclasses.fields(item)
            if getattr(item, field.name) != field.default
        }
    if not isinstance(item, Mapping):
        return str(item)
    if any(re.search(r",\w+=", str(value)) for value in item.values()):
        return json.dumps(dict(item), ensure_ascii=False)
    texts = {name: "+".join(map(str, value)) if isinstance(value, list) else value for name, value in item.items()}
    return ",".join(f"{name}={value}" for name, value in texts.items())
