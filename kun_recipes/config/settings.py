"""YAML files: strict reading, and settings files as frozen dataclasses in which no key goes unread."""

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kun_recipes.config.values import read_value
from kun_recipes.errors import ConfigError

Section = TypeVar("Section")


class _StrictLoader(yaml.SafeLoader):
    """YAML without silently repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml_mapping(file: str | Path | Traversable) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: a missing file, text that is not UTF-8 or not YAML, a repeated key, or no mapping; names the file.
    """
    source = Path(file) if isinstance(file, str) else file
    if not source.is_file():
        raise ConfigError(None, "no such file", str(file))
    try:
        values = yaml.load(source.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(None, f"is not UTF-8 text ({error.reason} at byte {error.start})", str(file)) from error
    except (yaml.YAMLError, ValueError) as error:  # the latter at a date that there is not
        raise ConfigError(None, f"not YAML: {' '.join(str(error).split())}", str(file)) from error
    if not isinstance(values, dict):
        raise ConfigError(None, "must contain one `key: value` per line", str(file))
    return values


def load_typed(source: str | Path | Traversable, kind: type[Section]) -> Section:
    """Read a YAML file into a frozen dataclass.

    Raises:
        ConfigError: what `read_yaml_mapping` and `read_value` refuse; names the file and the key.
    """
    values = read_yaml_mapping(source)
    try:
        return read_value(values, kind, "")
    except ConfigError as error:
        error.where = str(source)
        raise
