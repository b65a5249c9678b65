"""Provenance on both kinds of card: prompts in full, settings, commands, models and their licence."""

import hashlib
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from kun_recipes.data.folders import is_described_path, path_of
from kun_recipes.errors import UserError
from kun_recipes.models.engines.settings import preset
from kun_recipes.models.source import load_model_source
from kun_recipes.publishing.config import PublishConfig
from kun_recipes.publishing.disclosure import public_path
from kun_recipes.publishing.licences import Licence
from kun_recipes.publishing.record import AskedModel, RunRecord, TrainedModel, licence_in
from kun_recipes.reporting.language import tr

PACKAGE = "kun-recipes"


class Prompt(NamedTuple):
    """A prompt file that made rows.

    Attributes:
        path: where it lies here.
        fingerprint: as the rows carry it.
    """

    name: str
    path: Path
    text: str
    fingerprint: str


class Settings(NamedTuple):
    """Settings of a stage, for a table."""

    name: str
    settings: dict[str, str]


def read_prompts(configs: Iterable[Mapping[str, Any]]) -> list[Prompt]:
    """Return the prompt files that stages' configs name.

    Raises:
        UserError: a prompt file is missing, or is not the one that made the rows.
    """
    described = (value for config in configs for value in config.values() if isinstance(value, dict))
    prompts = [_read_prompt(Path(one["path"]), one["content"]) for one in described if one.get("prompt")]
    return list({prompt.fingerprint: prompt for prompt in prompts}.values())


def _read_prompt(path: Path, fingerprint: str) -> Prompt:
    if not path.is_file():
        raise UserError(f"{path}: missing, although the rows were made with this prompt; restore it")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:16] != fingerprint:
        raise UserError(
            f"{path}: changed since the rows were made; restore the version with fingerprint {fingerprint}"
        )
    return Prompt(path.stem, path, content.decode("utf-8").strip(), fingerprint)


def decoding(config: Mapping[str, Any]) -> str:
    """Return a phrase on the sampling of a stage: its preset's values, and those that replaced them."""
    named = preset(config["sampling"])

    def chosen(key: str) -> float:
        return getattr(named, key) if config[key] is None else config[key]

    penalty = chosen("repetition_penalty")
    penalised = tr(", repetition penalty {penalty:g}", penalty=penalty) if penalty != 1 else ""
    if chosen("temperature") == 0:
        return tr("decoded greedily") + penalised
    values = {key: chosen(key) for key in ("temperature", "top_p")}
    sampled = tr("sampled at temperature {temperature:g}, top-p {top_p:g}", **values)
    return sampled + penalised + tr(", seed {seed}", seed=config["seed"])


def settings_of(name: str, config: Mapping[str, Any]) -> Settings:
    """Return every setting of a stage that has a value, for a Markdown table."""
    return Settings(name, {key: _shown(value) for key, value in config.items() if value not in (None, [], "")})


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if is_described_path(value):
        return f"{public_path(value['path'])} ({value['content']})"
    if isinstance(value, dict):
        return " ".join(f"{key}={_shown(item)}" for key, item in value.items() if item is not None)
    return public_path(str(value)).replace("|", "\\|") if isinstance(value, str) else f"{value}"


def base_of(config: PublishConfig, record: RunRecord, model: TrainedModel | AskedModel) -> str | None:
    """Return the Hub's id of the model that another was trained from; None where it is not known."""
    return model.base if isinstance(model, AskedModel) else base_model(config, record, model)


def base_model(config: PublishConfig, record: RunRecord, model: TrainedModel) -> str:
    """Return the Hub's id of the model that a line of trainings began with.

    Raises:
        UserError: the training names a folder, and the config no `base_model`.
    """
    if config.base_model:
        return config.base_model
    began = record.trained_from(model)
    if began.endswith(".yaml"):
        return load_model_source(Path(began)).hub_repo
    if record.first_of(model).base_is_local:
        raise UserError(
            f"{model.folder}: was trained from the local folder {began}; set base_model: to its id on the Hub"
        )
    return began


def licence_of(config: PublishConfig, record: RunRecord, model: TrainedModel | AskedModel) -> Licence:
    """Return a model's licence: as the config says, or else as the base model's source file does.

    Raises:
        UserError: neither says.
    """
    if isinstance(model, AskedModel):
        return config.licence(model.licence)
    if config.model_licence:
        return config.licence(config.model_licence)
    began = record.trained_from(model)
    if not began.endswith(".yaml"):
        raise UserError(f"model_licence: must be set, because {began} names no licence and none is assumed")
    return licence_in(began, config)


def model_link(config: PublishConfig, model: TrainedModel | AskedModel) -> str:
    """Return a model's name, as a link where it is on the Hub or published too."""
    if isinstance(model, AskedModel):
        return hub_link(model.name) if model.at == "hub" else model.name
    repository = config.published_repository(model.name)
    return hub_link(repository) if repository else model.name


def hub_page(repository: str, kind: str = "") -> str:
    """Return the address of a repository; `kind` is "datasets/" for a dataset."""
    return f"https://huggingface.co/{kind}{repository}"


def hub_link(repository: str, kind: str = "") -> str:
    return f"[{repository}]({hub_page(repository, kind)})"


def commands(config: PublishConfig, record: RunRecord) -> list[str]:
    rounds = record.refine.get("rounds", ())
    several = f" --rounds {len(rounds)}" if rounds else ""
    return [f"python recipes/run.py {published_recipe(recipe)}{several}" for recipe in config.recipes]


def published_recipe(recipe: str) -> str:
    """Return where a recipe's files lie in the published repository; the same as in the project's own."""
    return f"recipes/{Path(recipe).name}"


def package_version() -> str:
    return version(PACKAGE)


def trained_path(value: Any) -> str:
    return public_path(path_of(value))
