"""The app as a folder that a Space of the Hub runs, in a container.

No name of a model is in it, nor an id, which may hold one: what leads back lies in the output folder as `ITEMS_FILE`,
and `storage.read_votes` reads it when the Space's database is put there.
"""

import ast
import dataclasses
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.annotation.config import ADMIN, AnnotateConfig
from kun_recipes.annotation.keys import hash_key
from kun_recipes.annotation.storage import ITEMS_FILE, digest
from kun_recipes.annotation.study import Item, Study
from kun_recipes.errors import UserError
from kun_recipes.studies.items import PreferenceItem, write_items

SECRET = "ANNOTATION_KEYS"
PACKAGE = Path(__file__).resolve().parent.parent
SPACE_FILES = PACKAGE / "annotation" / "space_files"
APP = SPACE_FILES / "app.py"

SETTINGS = ("annotators", "votes_per_item", "timeout_minutes", "both_bad", "seed", "language")


@dataclass(frozen=True)
class Space:
    """Shown to the owner once and not stored: the keys of the links, and the secret that holds their hashes."""

    keys: Mapping[str, str]
    secret: str
    secret_name: str = SECRET


def make_space(config: AnnotateConfig, study: Study) -> Space:
    """Write the folder `config.space_dir`: README.md, Dockerfile, app.py, settings.json, the items, and the package.

    Raises:
        UserError: the folder exists and was not written by this function.
    """
    assert config.space_dir is not None  # a Space is written only where the config names its folder
    folder = Path(config.space_dir)
    if folder.exists() and not (folder / "settings.json").is_file():
        raise UserError(f"{folder}: exists, but was not written by this command; set another space_dir, or remove it")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SPACE_FILES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in package_files():
        copy = folder / file.relative_to(PACKAGE.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    _write_study(study, folder / "study", Path(config.output_dir))
    (folder / "settings.json").write_text(
        json.dumps(_settings(config), ensure_ascii=False, indent=2), encoding="utf-8"
    )
    keys = {name: secrets.token_urlsafe(32) for name in (*config.annotators, ADMIN)}
    return Space(keys, json.dumps({name: hash_key(key) for name, key in keys.items()}, ensure_ascii=False))


def package_files() -> list[Path]:
    """Return the files of this package that the Space needs, since no package index has them.

    These are the modules that app.py imports, directly or through others, and the data files in their folders.
    """
    modules = imported_modules(APP)
    beside = {file for module in modules for file in module.parent.iterdir() if file.is_file()}
    return sorted(modules | {file for file in beside if file.suffix != ".py"})


def imported_modules(script: Path) -> set[Path]:
    """Return the modules of this package that a script imports, also inside functions, and those they import."""
    found: set[Path] = set()
    unread = [script]
    while unread:
        for name in _imported_names(unread.pop()):
            new = {file for file in _sources(name) if file not in found}
            found |= new
            unread += new
    return found


def _imported_names(module: Path) -> Iterator[str]:
    """Yield absolute names, of modules and of what is imported from them, which may be a module."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _sources(name: str) -> Iterator[Path]:
    """Yield files of a module of this package and of the packages around it."""
    parts = name.split(".") if name.startswith(f"{PACKAGE.name}.") else []
    for end in range(1, len(parts) + 1):
        place = PACKAGE.parent.joinpath(*parts[:end])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())


def space_id(item: str) -> str:
    return digest(item)[:16]


def _write_study(study: Study, folder: Path, output_dir: Path) -> None:
    for task, items in study.tasks.items():
        write_items(map(_anonymized, items.values()), folder / f"{task}.jsonl")
    output_dir.mkdir(parents=True, exist_ok=True)
    names = {space_id(item): item for items in study.tasks.values() for item in items}
    (output_dir / ITEMS_FILE).write_text(json.dumps(names, ensure_ascii=False, indent=0), encoding="utf-8")


def _anonymized(item: Item) -> Item:
    if isinstance(item, PreferenceItem):
        return dataclasses.replace(item, id=space_id(item.id), model_a="", model_b="")
    return dataclasses.replace(item, id=space_id(item.id))


def _settings(config: AnnotateConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in SETTINGS}
