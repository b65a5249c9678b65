"""The `model` field of a config: a folder, a model source file or a model on the Hub, and its identity in the rows."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import huggingface_hub
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from kun_recipes.data.files import first_line
from kun_recipes.errors import UserError
from kun_recipes.execution.folder import StageFolder
from kun_recipes.models.cache import cached_model
from kun_recipes.models.fetch import HUB_BAR, HUB_TIMEOUT
from kun_recipes.models.source import load_model_source

Config = TypeVar("Config", bound=Any)

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MODEL_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "*.py"]
"""Of a Hub repository: weights as safetensors only, for many repositories hold them in other formats as well."""


def resolve_model(name: str, revision: str | None = None) -> str:
    """Return the folder of the model that a config names; download the model first if it is not on this machine.

    Args:
        name: a model folder, a model source file (*.yaml), or a Hub id like org/name.
        revision: commit, tag or branch of a Hub id.

    Raises:
        UserError: the model is unknown or cannot be fetched.
    """
    path, by_hub = Path(name).expanduser(), is_by_hub(name)
    if revision and not by_hub:
        raise UserError(f"model {name}: a revision is only for a Hub id; a folder or a .yaml file has none")
    if by_hub:
        path = _from_hub(name, revision)
    elif not path.is_dir():
        path = cached_model(load_model_source(path))
    if not (path / "config.json").is_file():
        if (path / "adapter_config.json").is_file():
            raise UserError(
                f"model {name}: contains only adapters; train with merge_adapters: true, or merge them with PEFT"
            )
        raise UserError(f"model {name}: {path} contains no config.json, so it is not a model folder")
    return str(path)


def is_by_hub(name: str) -> bool:
    """Return whether a config's model is neither a folder nor a model source file."""
    path = Path(name).expanduser()
    return not path.is_dir() and path.suffix != ".yaml"


def pin_model(config: Config, stage: StageFolder) -> Config:
    """Return the config with the commit of its Hub model, which the stage keeps: a resumed run asks the same.

    The Hub's client names the folder of a model after the commit, with and without a connection.

    Args:
        config: of the stage, with `model` and `model_revision`.
    """
    if not is_by_hub(config.model):
        return config
    folder = pinned_model(stage, config.model, config.model_revision)
    return replace(config, model_revision=Path(folder).name)


def pinned_model(stage: StageFolder, name: str, revision: str | None = None, option: str = "model") -> str:
    """Return the folder of a model, and keep the commit of a Hub model as `pin_model` does.

    Args:
        option: of the stage, which names this model, alone or among others.
    """
    if not is_by_hub(name):
        return resolve_model(name, revision)
    key = option if option == "model" else f"{option}: {name}"
    folder = resolve_model(name, stage.pinned(option, key) or revision)
    stage.pin(key, Path(folder).name)
    return folder


def _from_hub(name: str, revision: str | None) -> Path:
    if not HUB_ID.fullmatch(name):
        raise UserError(f"model {name}: is neither a folder, a model source file (*.yaml) nor a Hub id like org/name")
    here = f"model {name}: is not a local folder, and "
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=MODEL_FILES, etag_timeout=HUB_TIMEOUT, tqdm_class=HUB_BAR
        )
    except GatedRepoError as error:
        raise UserError(
            f"{here}on the Hub it is available only after you accept its terms; "
            f"do so at https://huggingface.co/{name}, then run `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{here}not a model on the Hub (a private one needs `hf auth login`); check the name"
        ) from error
    except RevisionNotFoundError as error:
        raise UserError(f"{here}it has no revision {revision} on the Hub; check the revision") from error
    except (LocalEntryNotFoundError, HTTPError) as error:
        raise UserError(
            f"{here}the Hub cannot be reached ({first_line(error.__cause__ or error)}); "
            "connect, or set model: to a model folder"
        ) from error
    return Path(folder)


def model_identity(folder: str | Path) -> str:
    """Return `<folder name>@<hash of the weights>`: it does not depend on the path, and changes with the weights."""
    weights = sorted(Path(folder).glob("*.safetensors"))
    if not weights:
        raise UserError(f"{folder}: no *.safetensors file; save the model with save_pretrained")
    digest = hashlib.sha256()
    for file in weights:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return f"{Path(folder).name}@{digest.hexdigest()[:12]}"


def weights(identity: str) -> str:
    """Return the hash in an identity: it is the same for copies of a model under other names."""
    return identity.rpartition("@")[2]
