"""A model source file: where the bytes of one quantised model come from, and how to know that they are right."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Format, Limits
from kun_recipes.errors import ConfigError

Name = Annotated[str, Format(r"[A-Za-z0-9][\w.-]*", "letters, digits, '.', '_' and '-': it names a folder")]
HubId = Annotated[str, Format(r"[\w.-]+/[\w.-]+", "a Hub id like org/name")]
GgufName = Annotated[str, Format(r"[\w.-]+\.gguf", "the name of a .gguf file at the top of hub_repo")]
Commit = Annotated[str, Format(r"[0-9a-f]{40}", "a full commit hash: 40 hexadecimal digits")]
Sha256 = Annotated[str, Format(r"[0-9a-f]{64}", "64 hexadecimal digits")]
Package = Annotated[str, Format(r"[A-Za-z0-9][\w.-]*==[\w.]+", "name==version")]


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
        chat_template: Jinja file next to the source file, instead of the template inside the GGUF; None keeps that.
    """

    name: Name
    hub_repo: HubId
    hub_file: GgufName
    hub_revision: Commit
    bytes: Annotated[int, Limits(above=0)]
    sha256: Sha256
    tied_embeddings: bool
    pypi_packages: list[Package]
    licence: str
    chat_template: str | None = None


def load_model_source(file: Path) -> ModelSource:
    """Read a model source file, the text of its chat template included.

    Raises:
        ConfigError: a file that cannot be used; names file and key.
    """
    source = load_typed(file, ModelSource)
    if source.chat_template is None:
        return source
    template = file.parent / source.chat_template
    if not template.is_file():
        raise ConfigError("chat_template", f"no such file: {template}", str(file))
    return replace(source, chat_template=template.read_text(encoding="utf-8"))
