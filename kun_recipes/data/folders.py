"""Folders that stages and trainings write: the files by which they are known, their fingerprints, their removal."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kun_recipes.errors import UserError

SUMMARY = "stage.json"
STARTED = "started.json"
TRAIN_SUMMARY = "train_summary.json"
WRITTEN = ".written.json"
MARKS = (SUMMARY, STARTED, TRAIN_SUMMARY, f"checkpoints/{STARTED}", WRITTEN)
"""Files by which a folder that this package wrote is known; `write_dataset` leaves the last, no other program does."""

KEPT = (".git", ".hg", ".svn")
"""Marks of a repository. A folder with one of them is never removed."""

_WHOLE = 64 * 2**20  # bytes; a larger file or folder is known by sizes and times instead of its content


def fingerprint(path: Path) -> str:
    """A short hash of a file, or of a folder's files, by content; what is large by sizes and times.

    A folder that a stage or a training wrote, or its rows, are known by its summary, which is written last.
    """
    for summary in (path / TRAIN_SUMMARY, path / SUMMARY, path.parent / SUMMARY):
        if path.is_dir() and summary.is_file():
            return hash_of(_without_times(summary))
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        by_content = sum(file.stat().st_size for file in inside) <= _WHOLE
        known = (f"{file.relative_to(path)} {_file_fingerprint(file, by_content)}" for file in inside)
        return hash_of("\n".join(known).encode())
    return _file_fingerprint(path, by_content=path.stat().st_size <= _WHOLE)


def _file_fingerprint(path: Path, by_content: bool) -> str:
    if by_content:
        return hash_of(path.read_bytes())
    status = path.stat()
    return hash_of(f"{status.st_size} {status.st_mtime_ns}".encode())


def require_finished(rows: str) -> None:
    """Refuse rows of a stage that was started and not finished: half of them may be missing."""
    folder = Path(rows).parent  # a kill just after the summary was written leaves both files
    if (folder / STARTED).is_file() and not (folder / SUMMARY).is_file():
        raise UserError(f"{folder}: this stage was started but did not finish; run it again first")


def discard(folder: Path) -> None:
    """Remove a folder that a stage, a training or `write_dataset` wrote; raises UserError on any other."""
    if not folder.exists():
        return
    if work := next((name for name in KEPT if (folder / name).exists()), None):
        raise UserError(f"{folder}: holds {work}, a repository of yours; remove it yourself, or give another folder")
    if any(folder.iterdir()) and not any(next(folder.glob(mark), None) for mark in MARKS):
        raise UserError(f"{folder}: no stage wrote this folder; remove it yourself, or give another one")
    if others := _not_written(folder):
        more = " and more" if len(others) > 1 else ""
        raise UserError(
            f"{folder}: holds {others[0]}{more}, not written with the dataset; move it, or give another folder"
        )
    shutil.rmtree(folder)


def _not_written(folder: Path) -> list[str]:
    """Return the files of a dataset's folder that `write_dataset` did not write; a stage's folder is all its own."""
    mark = folder / WRITTEN
    if not mark.is_file():
        return []
    try:
        written = {WRITTEN, *json.loads(mark.read_text(encoding="utf-8"))["files"]}
    except (ValueError, KeyError, TypeError):  # damaged, or of an earlier version
        written = {WRITTEN}
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(set(found) - written)


def is_described_path(value: Any) -> bool:
    """Tell whether a value of a summary is a path with the fingerprint of what lay there."""
    return isinstance(value, dict) and {"path", "content"} <= value.keys() <= {"path", "content", "name", "prompt"}


def content_of(value: Any) -> Any:
    """Return the fingerprint of a described path; any other value, such as a Hub id, as it is."""
    return value["content"] if is_described_path(value) else value


def path_of(value: Any) -> Any:
    """Return a value of a summary with every described path as the path that was given."""
    return _map_described(value, lambda path: path["path"])


def without_paths(value: Any) -> Any:
    """Return a value of a summary with every described path as its content, and its name where results bear that."""
    return _map_described(value, lambda path: [path["content"], path["name"]] if "name" in path else path["content"])


def _map_described(value: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    if is_described_path(value):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_described(item, change) for key, item in value.items()}
    return [_map_described(item, change) for item in value] if isinstance(value, list) else value


def _without_times(summary: Path) -> bytes:
    counts = json.loads(summary.read_text(encoding="utf-8"))
    lasting = {key: value for key, value in counts.items() if "second" not in key and key != "throughput"}
    return json.dumps(without_paths(lasting), sort_keys=True).encode()


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
