"""A model source file: where the bytes of one quantised model come from, and how to know that they are right."""

import dataclasses
import difflib
import re
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.errors import ConfigError, UserError

FORMATS = {
    "name": (r"[A-Za-z0-9][\w.-]*", "letters, digits, '.', '_' and '-': it names a folder"),
    "hub_repo": (r"[\w.-]+/[\w.-]+", "a Hub id like org/name"),
    "hub_file": (r"[\w.-]+\.gguf", "the name of a .gguf file at the top of hub_repo"),
    "hub_revision": (r"[0-9a-f]{40}", "a full commit hash: 40 hexadecimal digits"),
    "sha256": (r"[0-9a-f]{64}", "64 hexadecimal digits"),
}
PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.]+")


@dataclass(frozen=True)
class ModelSource:
    """One GGUF file that lies on the Hub and, in pieces, on PyPI.

    Attributes:
        name: the model's name; part of its folder's name in the cache.
        hub_repo, hub_file, hub_revision: the file on the Hub, pinned to a commit.
        bytes: size of the file.
        sha256: checksum of the file, hexadecimal.
        tied_embeddings: the model shares one matrix between input and output. A GGUF file may hold it twice.
        pypi_packages: "name==version" each; the one .bin entry of each wheel, in this order, makes up the file.
        licence: SPDX identifier, for the cards of what is made with the model.
        chat_template: Jinja file beside the source file that replaces the template inside the GGUF; None keeps that.
    """

    name: str
    hub_repo: str
    hub_file: str
    hub_revision: str
    bytes: int
    sha256: str
    tied_embeddings: bool
    pypi_packages: Sequence[str]
    licence: str
    chat_template: str | None = None


def load_model_source(file: Path) -> ModelSource:
    """Read a model source file; raises UserError, naming file and key, for one that cannot be used."""
    if not file.is_file():
        raise UserError(f"{file}: no such model source file")
    try:
        values = read_yaml_mapping(file)
    except ConfigError as error:
        raise UserError(str(error)) from error
    fields = {field.name: field for field in dataclasses.fields(ModelSource)}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            raise UserError(f"{file}: {key}: unknown key" + (f"; did you mean {near[0]}?" if near else ""))
    for key, field in fields.items():
        if key in values:
            _check_type(file, key, values[key])
        elif field.default is dataclasses.MISSING:
            raise UserError(f"{file}: {key}: is missing")
    _check_values(file, values)
    if values.get("chat_template"):
        values["chat_template"] = _read_template(file, values["chat_template"])
    return ModelSource(**values)


def _check_type(file: Path, key: str, value: object) -> None:
    hint = typing.get_type_hints(ModelSource)[key]
    if hint == Sequence[str]:
        fits, wanted = isinstance(value, list) and all(isinstance(item, str) for item in value), "a list of texts"
    elif hint is int:
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif hint is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    else:
        fits, wanted = isinstance(value, hint), "text (in quotes, if it looks like a number)"
    if not fits:
        raise UserError(f"{file}: {key}: must be {wanted}, not {value!r}")


def _check_values(file: Path, values: dict) -> None:
    for key, (pattern, wanted) in FORMATS.items():
        if not re.fullmatch(pattern, values[key]):
            raise UserError(f"{file}: {key}: must be {wanted}, not {values[key]!r}")
    if values["bytes"] <= 0:
        raise UserError(f"{file}: bytes: must be above 0, not {values['bytes']}")
    for package in values["pypi_packages"]:
        if not PACKAGE.fullmatch(package):
            raise UserError(f"{file}: pypi_packages: must be name==version, not {package!r}")


def _read_template(file: Path, name: str) -> str:
    path = file.parent / name
    if not path.is_file():
        raise UserError(f"{file}: chat_template: no such file: {path}")
    return path.read_text(encoding="utf-8")
