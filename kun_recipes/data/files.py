"""Corpus files: found by folder, glob or name, on this machine or where fsspec reaches, and opened as a stream."""

import posixpath
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from datatrove.utils.logging import logger
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from huggingface_hub.errors import HTTPError

from kun_recipes.errors import UserError

SHOWN = 3  # files that a message names
OTHERS = {
    ".csv": "choose the format csv",
    ".tsv": "choose the format csv",
    ".parquet": "choose the format parquet",
    ".json": "choose a format of JSON, such as jsonl",
    ".ndjson": "choose a format of JSON, such as jsonl",
    ".txt": 'a text file does not mark where a document ends; write each document as a line of JSON, {"text": "..."}',
}
"""Endings of files of other formats, and what to do."""
GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class CorpusFile:
    """A file of a corpus.

    Attributes:
        path: what opens it, a local path or a URL.
        name: its path below the folder, or below the fixed beginning of the glob, in which it was found: ids hold it,
            so that they do not change when the corpus moves.
    """

    path: str
    name: str


def list_files(path: str, suffixes: tuple[str, ...]) -> list[CorpusFile]:
    """Return the files at `path` whose names end in one of `suffixes`, in the order in which they are read.

    Args:
        path: a file, a folder (searched recursively) or a glob, local or a URL that fsspec opens. Hidden files and
            folders are passed over: tools left them there.

    Raises UserError if none exist.
    """
    path = path if _is_url(path) else str(Path(path))
    filesystem, location = _locate(path)
    try:
        root, names = _search(filesystem, path, location)
    except FileNotFoundError as error:
        why = f" ({first_line(error)})" if _is_url(path) else ""
        raise UserError(f"{path}: no such file or folder{why}") from error
    except (OSError, HTTPError) as error:
        raise UserError(f"{path}: cannot be listed: {first_line(error)}") from error
    names = sorted(names, key=lambda name: name.split("/"))
    files = [CorpusFile(root + name, name) for name in names if name.endswith(suffixes) and not _is_hidden(name)]
    if not files:
        there = f"; found {found}: {_advice(names)}" if (found := _named(names)) else ""
        raise UserError(f"{path}: no corpus file; names of files in this format end in {', '.join(suffixes)}{there}")
    chosen = {file.name for file in files}
    if others := _named([name for name in names if name not in chosen]):
        message = f"{path}: skipped files whose names do not end as this format requires: {others}"
        print(message, file=sys.stderr)
        logger.warning(message)
    return files


def open_file(path: str) -> BinaryIO:
    """Open a local path or a URL for reading; remote bytes come as they are asked for."""
    filesystem, location = _locate(path)
    try:
        return filesystem.open(location, "rb")
    except (PermissionError, FileNotFoundError) as error:
        raise UserError(f"{path}: cannot be opened: {first_line(error)}") from error


def printable(path: str) -> str:
    """Return a path as text that can be stored; bytes of a name that are no UTF-8 are shown by their numbers."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def first_line(error: BaseException) -> str:
    """Return the beginning of an exception's text, for a message of one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _named(names: list[str]) -> str:
    """Return the first of some files, and the number of the others; hidden files do not count."""
    shown = [printable(name) for name in names if not _is_hidden(name)]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more


def _advice(names: list[str]) -> str:
    """Return what to do with files that the format does not read, by the ending of one of them."""
    known = (advice for ending, advice in OTHERS.items() for name in names if ending in posixpath.basename(name))
    return next(known, "convert it to JSON lines or Parquet")


def _locate(path: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a path and the path inside it."""
    if not _is_url(path):  # url_to_fs would take "::" in a local name for a chain of file systems
        return LocalFileSystem(), LocalFileSystem._strip_protocol(path)
    try:
        return url_to_fs(path)
    except ImportError as error:  # "Install s3fs to access S3"
        raise UserError(f"{path}: a package is missing: {first_line(error)}") from error
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be opened: {first_line(error)}") from error


def _search(filesystem: AbstractFileSystem, path: str, location: str) -> tuple[str, list[str]]:
    """Return the part of `path` that all files have in common, and their names below it."""
    if GLOB.search(location) and not filesystem.exists(location):
        found = filesystem.glob(location, detail=True)
        root, inside = _fixed_root(path), _fixed_root(location)
        return root, [name.removeprefix(inside) for name, info in found.items() if info["type"] != "directory"]
    if filesystem.info(location)["type"] == "directory":
        inside = location.rstrip("/") + "/"
        return path.rstrip("/") + "/", [name.removeprefix(inside) for name in filesystem.find(location)]
    return path[: -len(posixpath.basename(location))], [posixpath.basename(location)]


def _fixed_root(pattern: str) -> str:
    """Return the folders of a glob before its first wildcard."""
    fixed = GLOB.split(pattern, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1]


def _is_url(path: str) -> bool:
    return "://" in path


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
