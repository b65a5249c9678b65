"""Files of a published dataset: which hold rows and which do not, and their entries in its manifest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from datasets import load_dataset_builder
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError

from kun_recipes.data import schema
from kun_recipes.data.files import first_line
from kun_recipes.data.folders import PREFERENCE
from kun_recipes.data.manifest import CARD, MANIFEST, describe_file, read_manifest
from kun_recipes.data.parquet import DATA
from kun_recipes.errors import UserError
from kun_recipes.publishing.checking.rows import Problem

HUB_S_OWN = (".gitattributes", ".git", ".cache")
"""Files and folders that the Hub's and git's programs add to a copy."""

ROWS = (".json", ".jsonl", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".jsonl.zst", ".arrow")

OBJECT_BYTES = 2**20
"""A single object of results or settings is not larger."""


def fetch(name: str, file: str, revision: str | None = None) -> Path | None:
    """Return the path of a file of a folder or of a dataset on the Hub; None if it is missing."""
    if Path(name).is_dir():
        path = Path(name, file)
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))
    except LocalEntryNotFoundError as error:
        raise UserError(f"{name}: cannot reach the Hub to fetch {file}") from error
    except RemoteEntryNotFoundError:
        return None
    except HTTPError as error:
        raise UserError(f"{name}: {file} cannot be fetched: {first_line(error)}") from error


def rows_beside_results(name: str, config: str | None) -> dict[str, list[str]] | None:
    """Return the files of each split where `datasets` takes a file of results for rows, such as eval_results.json.

    None where it is right by itself.
    """
    chosen = load_dataset_builder(name, config).config.data_files or {}
    given = {split: list(map(str, files)) for split, files in chosen.items()}
    kept = {split: [file for file in files if not _is_object(file)] for split, files in given.items()}
    if kept == given:
        return None
    if any(kept.values()):
        return {split: files for split, files in kept.items() if files}
    return rows_without_results(name)


def rows_without_results(name: str) -> dict[str, list[str]] | None:
    """Return all files of rows as one split if the folder also has files of results, and None if not."""
    files, folder = fsspec.url_to_fs(name if Path(name).is_dir() else f"hf://datasets/{name}")
    found = sorted(files.unstrip_protocol(path) for path in files.find(folder) if path.endswith(ROWS))
    rows = [path for path in found if not _is_object(path)]
    return {"train": rows} if 0 < len(rows) < len(found) else None


def _is_object(file: str) -> bool:
    """Tell whether a JSON file holds a single object that is not a row."""
    if not file.endswith(".json"):
        return False
    with fsspec.open(file, "rb") as opened:
        content = opened.read(OBJECT_BYTES)
    try:
        value = json.loads(content)
    except ValueError:
        return False
    return isinstance(value, dict) and schema.INSTRUCTION not in value


def manifest_of(name: str) -> dict[str, Any] | None:
    """Return the manifest of a dataset; None if it has none, or one of another program.

    Raises:
        UserError: it cannot be read.
    """
    path = fetch(name, MANIFEST)
    if path is None:
        return None
    try:
        manifest = read_manifest(path)
    except ValueError as error:
        raise UserError(f"{name}: {MANIFEST} cannot be read: {error}") from error
    is_ours = isinstance(manifest, dict) and all(isinstance(manifest.get(key), dict) for key in ("files", "splits"))
    return manifest if is_ours else None


def check_files(name: str, manifest: dict[str, Any]) -> Iterator[Problem]:
    """Yield what was added, removed or altered since the manifest was written; rows are compared elsewhere."""
    promised = manifest["files"]
    there = _hashes(name, promised)
    added, missing = sorted(there.keys() - promised.keys()), sorted(promised.keys() - there.keys())
    altered = sorted(file for file, hashed in there.items() if hashed and hashed != promised[file]["sha256"])
    for what, files in (("added", added), ("missing", missing), ("changed", altered)):
        if files:
            yield Problem(f"files {what} since its manifest", True, 0, files)


def _hashes(name: str, promised: dict[str, Any]) -> dict[str, str | None]:
    """Return the SHA-256 of each file that the manifest names; None for shards and for files that it does not name."""
    if Path(name).is_dir():
        paths = {path.relative_to(name).as_posix() for path in Path(name).rglob("*") if path.is_file()}
    else:
        try:
            paths = set(HfApi().list_repo_files(name, repo_type="dataset"))
        except (HTTPError, OSError) as error:
            raise UserError(f"{name}: its files cannot be listed: {first_line(error)}") from error
    names = {path for path in paths - {CARD, MANIFEST} if path.partition("/")[0] not in HUB_S_OWN}
    return {
        path: _hash(name, path) if path in promised and not path.startswith((f"{DATA}/", f"{PREFERENCE}/")) else None
        for path in names
    }


def _hash(name: str, file: str) -> str | None:
    path = fetch(name, file)
    return describe_file(path)["sha256"] if path else None
