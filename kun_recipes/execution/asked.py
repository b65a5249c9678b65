"""Values of a stage's config that decide its rows: described for its summary, and compared between two runs."""

import dataclasses
import glob
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from kun_recipes.config.options import OptionSpec, affects_rows, spec_of
from kun_recipes.config.paths import map_paths
from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.config.types import InputPath, PathKind, field_types
from kun_recipes.data.folders import fingerprint, hash_of, without_paths

PACKAGE = Path(__file__).parents[1]


class Versioned:
    """Config of a stage whose rows are also decided by versions of prompts in the package."""

    def versions(self) -> Mapping[str, Any]:
        """Return these versions, by name."""
        raise NotImplementedError


def changed_keys(asked: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[str]:
    """Return what two runs were asked differently. A value that one of them does not know yet counts as null.

    Paths are compared by their content: a run may move, or be named by another path.
    """
    keys = [*asked, *(key for key in earlier if key not in asked)]
    return [key for key in keys if _comparable(asked.get(key)) != _comparable(earlier.get(key))]


def _comparable(value: Any) -> Any:
    """Return a value of a summary without its paths, and without the keys of its sections that are null."""
    return _without_nulls(without_paths(value))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def describe(config: Any) -> dict[str, Any]:
    """Return everything of a config that decides the rows: its values, and for a path or a glob the content."""
    hints = field_types(type(config))
    values = {}
    for field in dataclasses.fields(config):
        if field.name in hints and not _is_written(hints[field.name]) and affects_rows(field):
            value, hint = getattr(config, field.name), hints[field.name]
            if spec_of(field) is None and isinstance(value, str) and os.path.isfile(value):
                hint = InputPath  # TRL's own options say of no text that it is a file, such as deepspeed
            values[field.name] = _plain(map_paths(value, hint, _describe_path))
            if spec := spec_of(field):
                values |= _describe_package_files(field.name, path_kind(hint) is not None, value, spec)
    return values | (dict(config.versions()) if isinstance(config, Versioned) else {})


def selecting_keys(config: Any) -> set[str]:
    """Return the keys of `describe` that only select among measured rows."""
    keys = set()
    for field in dataclasses.fields(config):
        if (spec := spec_of(field)) and spec.selects:
            keys |= {field.name, *(Path(file).name for file in spec.package_files)}
    return keys


def _describe_package_files(name: str, is_path: bool, value: Any, spec: OptionSpec) -> dict[str, Any]:
    """Return the files of the package that are read for an option: the first in the place of a path that is null.

    A file that the option's own file names stands in the place of the package's.
    """
    files = spec.package_files
    if not is_path and value is None:
        return {}
    known = {file: {"path": f"kun_recipes/{file}", "content": fingerprint(PACKAGE / file)} for file in files}
    if spec.named_in and value is not None and os.path.isfile(value):
        named = {file: _value_at(read_yaml_mapping(value), key) for file, key in spec.named_in.items()}
        known |= {file: _describe_path("", path, PathKind()) for file, path in named.items() if path is not None}
    beside = {Path(file).name: content for file, content in known.items() if not is_path or file != files[0]}
    return {name: known[files[0]], **beside} if is_path and value is None and files else beside


def _value_at(values: Mapping[str, Any], key: str) -> str | None:
    """Return the text at a key such as `section.key`, or None if the file has no such text."""
    found: Any = values
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def path_kind(hint: Any) -> PathKind | None:
    """Return the kind of path that an option holds, or None if it holds none."""
    marks = (mark for arm in [hint, *get_args(hint)] for mark in get_args(arm))
    return next((mark for mark in marks if isinstance(mark, PathKind)), None)


def _is_written(hint: Any) -> bool:
    kind = path_kind(hint)
    return kind is not None and kind.written


def _describe_path(_key: str, path: str, kind: PathKind) -> Any:
    """Return a path with its content's fingerprint; unchanged if nothing exists there, such as for a Hub id."""
    if "://" in path:
        return path
    found = sorted(filter(os.path.isfile, glob.iglob(path, recursive=True))) if glob.has_magic(path) else []
    if os.path.exists(path):
        content = _content(Path(path), kind)
    elif found:
        start = _before_magic(path)
        content = hash_of(
            "\n".join(f"{os.path.relpath(one, start)} {fingerprint(Path(one))}" for one in found).encode()
        )
    else:
        return path
    name = {"name": Path(path).name} if kind.named else {}
    return {"path": path, "content": content, **name, **({"prompt": True} if kind.prompt else {})}


def _content(path: Path, kind: PathKind) -> str:
    """Return the fingerprint of a path; of a folder that holds those of stages, of these alone."""
    inside = [folder for stage in kind.stages if (folder := path / stage).exists()]
    return hash_of("\n".join(map(fingerprint, inside)).encode()) if kind.stages else fingerprint(path)


def _before_magic(path: str) -> Path:
    """Return the folder of a glob before its first wildcard."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(path).parts))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return [_plain(item) for item in value] if isinstance(value, list) else value
