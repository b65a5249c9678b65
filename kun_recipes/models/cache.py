"""Models made from model source files: fetched and dequantised once, kept in the user's cache."""

import hashlib
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from kun_recipes.models.dequantise import dequantise
from kun_recipes.models.fetch import fetch, say
from kun_recipes.models.source import ModelSource

CACHE_VARIABLE = "KUN_RECIPES_CACHE"


def cache_folder() -> Path:
    """$KUN_RECIPES_CACHE, or kun-recipes in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kun-recipes"


def cached_model(source: ModelSource) -> Path:
    """The model folder of `source`, made now if it is not there yet.

    It appears under its name only when whole, so a process killed at any instant leaves nothing that a later one could
    take for a model. Of several processes that want it at once, one makes it and the others wait.
    """
    folder = cache_folder() / "models" / _folder_name(source)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        say(f"{source.name}: waiting for another process that is fetching it")
        lock.acquire()
    try:
        if not folder.is_dir():
            _make(source, folder)
    finally:
        lock.release()
    return folder


def _make(source: ModelSource, folder: Path) -> None:
    download, partial = Path(f"{folder}.download"), Path(f"{folder}.partial")
    _remove(download, partial)  # of a process that was killed: nobody else has the lock
    try:
        download.mkdir()
        gguf = fetch(source, download)
        say(f"{source.name}: checksum right; dequantising it, this once, in a minute or two -> {folder}")
        dequantise(gguf, partial, source)
        _remove(download)
        os.replace(partial, folder)
    finally:
        _remove(download, partial)


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)


def _folder_name(source: ModelSource) -> str:
    name = f"{source.name}-{source.sha256[:12]}"
    if source.chat_template:
        name += "-" + hashlib.sha256(source.chat_template.encode()).hexdigest()[:8]
    return name
