"""Folders that stages and trainings write: the files by which they are known, their fingerprints, their removal."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kun_recipes.data.atomic import write_json
from kun_recipes.errors import UserError

SUMMARY = "stage.json"
STARTED = "started.json"
TRAIN_SUMMARY = "train_summary.json"
WRITTEN = ".written.json"
COPIED = "scratch/input-"
"""Beginning of the name of the folder into which a stage copies rows that lie elsewhere."""
MARKS = (SUMMARY, STARTED, TRAIN_SUMMARY, f"checkpoints/{STARTED}", f"{COPIED}*", WRITTEN)
"""Files that identify a folder written by this package; only `put_in_place` leaves the last."""

ROWS = "*.jsonl*"
"""Pattern of the files of rows, for what a stage writes."""
ASKED = "asked"
"""Folder of the answers of a model behind an address."""
_OF_ROWS = (ASKED, "measured", "recalled", "rows", "removed")
PREFERENCE = "preference"
"""Folder of the preference pairs: in that of refine, and in a published dataset's, where a config has this name."""
JUDGES = "judges.json"
"""File of what the judges said of labelled items, in the folder of refine."""
HELD_OUT = "held_out"
"""Folder of what became of held-out segments, in those of label and refine."""
STAGE_FILES = (SUMMARY, STARTED, *(f"{folder}/{ROWS}" for folder in _OF_ROWS), "scratch/*", "logs/*")
"""Patterns of what every stage writes into its folder; * stands for anything, folders included."""

KEPT = (".git", ".hg", ".svn")
"""Marks of a repository. A folder that has or holds one is never removed."""

_WHOLE = 64 * 2**20  # bytes; a larger file or folder is known by sizes and times instead of its content


def fingerprint(path: Path) -> str:
    """Return a short hash of a file, or of a folder's files, by content; what is large by sizes and times.

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


def share_judges(measured: Path, folder: Path) -> None:
    """Give a refine stage the judges as another stage measured them, if it did: both judge by the same items."""
    if (measured / JUDGES).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(measured / JUDGES, folder / JUDGES)


def discard(folder: Path, writes: Sequence[str] = ()) -> None:
    """Remove a folder that holds only files of a stage, a training or `put_in_place`.

    Args:
        writes: patterns of the files that the stage writes there besides `STAGE_FILES`.

    Raises:
        UserError: something else wrote the folder or a file in it.
    """
    if not folder.exists():
        return
    if folder.is_symlink():
        raise UserError(f"{folder}: is a link to {folder.resolve()}; remove both yourself, or choose another folder")
    kept = (path.relative_to(folder) for name in KEPT for place in (name, f"*/{name}") for path in folder.glob(place))
    if work := next(kept, None):
        raise UserError(f"{folder}: contains {work}, a repository; remove it yourself, or choose another folder")
    if any(folder.iterdir()) and not any(next(folder.glob(mark), None) for mark in MARKS):
        raise UserError(f"{folder}: no stage wrote this folder; remove it yourself, or choose another one")
    if others := foreign_files(folder, writes):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        writer = "with the dataset" if (folder / WRITTEN).is_file() else "by the stage"
        raise UserError(
            f"{folder}: contains {others[0]}{more}, not written {writer}; move it, or choose another folder"
        )
    shutil.rmtree(folder)


def put_in_place(partial: Path, folder: Path, **note: Any) -> None:
    """Move a completely written folder from its temporary path to its place; an earlier one is replaced.

    Args:
        note: entries recorded in addition to the names of its files.
    """
    files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    write_json(partial / WRITTEN, {**note, "files": files})
    discard(folder)
    os.replace(partial, folder)


def link_or_copy(source: Path, target: Path) -> None:
    """Link the file, for weights are large; copy it if the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def foreign_files(folder: Path, writes: Sequence[str] = ()) -> list[str]:
    """Return the files of a folder that neither `put_in_place` nor a stage that `writes` these wrote."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    if (folder / WRITTEN).is_file():
        return sorted(set(found) - _written_with(folder / WRITTEN))
    patterns = (*STAGE_FILES, *writes)
    names = ((name, name.removesuffix(".partial")) for name in found)  # half-written: a kill leaves it
    return sorted(name for name, whole in names if not any(fnmatchcase(whole, pattern) for pattern in patterns))


def _written_with(mark: Path) -> set[str]:
    """Return the files of a folder, as `put_in_place` noted them."""
    try:
        return {WRITTEN, *json.loads(mark.read_text(encoding="utf-8"))["files"]}
    except (ValueError, KeyError, TypeError):  # damaged, or of an earlier version
        return {WRITTEN}


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
    passing = ("throughput", "used", "dataset")  # where a dataset was written says nothing of what is in it
    lasting = {key: value for key, value in counts.items() if "second" not in key and key not in passing}
    if "mixed" in lasting:  # sets that a training read: the config knows them by content
        lasting["mixed"] = [{key: value for key, value in one.items() if key != "source"} for one in lasting["mixed"]]
    return json.dumps(without_paths(lasting), sort_keys=True).encode()


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
