"""Content of a published repository, file by file and split by split: manifest.json, which identifies a copy.

The card is not in it: correcting the card does not change the data.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import PREFERENCE
from kun_recipes.data.parquet import DATA, read_split, split_names

MANIFEST = "manifest.json"
CARD = "README.md"


def write_manifest(folder: Path) -> dict[str, Any]:
    """Describe the content of a folder in its manifest.json, and return it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path for path in paths}
    files = {name: describe_file(path) for name, path in found.items() if name not in (MANIFEST, CARD)}
    names = [*split_names(folder), *(f"{PREFERENCE}/{name}" for name in split_names(folder, PREFERENCE))]
    splits = {name: digest_rows(read_named(folder, name)) for name in names}
    manifest = {"files": files, "splits": splits}
    write_json(folder / MANIFEST, manifest)
    return manifest


def read_named(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split by its name in the manifest: <split>, or <config>/<split> of another config's."""
    config, _, split = name.rpartition("/")
    return read_split(folder, split, data=config or DATA)


def read_manifest(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def row_digest(row: Mapping[str, Any]) -> bytes:
    """Return a hash of all the columns of a row, whatever their order."""
    return hashlib.blake2b(orjson.dumps(row, default=repr, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def digest_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the number of rows, and a hash of all of them in their order."""
    count, digest = 0, hashlib.sha256()
    for row in rows:
        digest.update(row_digest(row))
        count += 1
    return {"rows": count, "sha256": digest.hexdigest()}


def describe_file(path: Path) -> dict[str, Any]:
    """Return the size of a file, and a hash of its content."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
