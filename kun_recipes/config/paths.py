"""The paths in a configuration, found by their types."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from kun_recipes.config.types import PathKind, field_types, without_null

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?:@[\w.-]+)?")
DATA_FILE = re.compile(r"\.(?:json|jsonl|ndjson|csv|tsv|parquet)(?:\.(?:gz|zst|xz))?$")
"""End of the name of a file of rows, of any kind that is read, packed or not."""


class WithNames:
    """Config in which another option makes a name of what is a path otherwise."""

    def names(self) -> frozenset[str]:
        """Return the options that hold a name."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class ConfigPath:
    """A path that an option holds.

    Attributes:
        key: where it stands, such as "model" or "corpora[0].path".
        value: the path, as it was given.
    """

    key: str
    value: str
    kind: PathKind

    @property
    def option(self) -> str:
        """Name of the option that holds it."""
        return option_of(self.key)

    @property
    def is_hub_id(self) -> bool:
        """True if the value has the form of a Hub id, owner/name, and not that of a data file."""
        return bool(_HUB_ID.fullmatch(self.value)) and not DATA_FILE.search(self.value)


def option_of(key: str) -> str:
    """Return the option that a key such as "corpora[0].path" is a part of."""
    return re.split(r"[.\[]", key)[0]


def config_paths(config: Any) -> list[ConfigPath]:
    """Return every path in a config, in the order of its fields, those of nested sections included.

    A folder that holds the folders of stages counts as these.
    """
    found: list[ConfigPath] = []

    def collect(key: str, value: str, kind: PathKind) -> str:
        inside = [str(Path(value, stage)) for stage in kind.stages] or [value]
        found.extend(ConfigPath(key, path, kind) for path in inside)
        return value

    names = config.names() if isinstance(config, WithNames) else ()
    for name, hint in field_types(type(config)).items():
        if name not in names:
            map_paths(getattr(config, name, None), hint, collect, name)
    return found


def map_paths(value: Any, hint: Any, change: Callable[[str, str, PathKind], Any], key: str = "") -> Any:
    """Return a value, as read from YAML or typed, with every path in it replaced by `change(key, path, kind)`."""
    arms = without_null(hint)
    if value is None or len(arms) > 1:
        return value
    origin, arguments = get_origin(arms[0]) or arms[0], get_args(arms[0])
    if origin is Annotated:
        kind = next((mark for mark in arguments[1:] if isinstance(mark, PathKind)), None)
        return change(key, value, kind) if kind and isinstance(value, str) else value
    if origin in (list, tuple) and isinstance(value, list | tuple):
        return [map_paths(item, arguments[0], change, f"{key}[{place}]") for place, item in enumerate(value)]
    if origin is dict and arguments and isinstance(value, dict):
        return {name: map_paths(item, arguments[1], change, f"{key}.{name}") for name, item in value.items()}
    if dataclasses.is_dataclass(origin):
        return _map_section(value, origin, change, key)
    return value


def _map_section(value: Any, section: Any, change: Callable[[str, str, PathKind], Any], key: str) -> Any:
    hints = field_types(section)
    if isinstance(value, dict):
        return {
            name: map_paths(item, hints[name], change, f"{key}.{name}") if name in hints else item
            for name, item in value.items()
        }
    if not isinstance(value, section):
        return value
    changes = {name: map_paths(getattr(value, name), hint, change, f"{key}.{name}") for name, hint in hints.items()}
    return dataclasses.replace(value, **changes)
