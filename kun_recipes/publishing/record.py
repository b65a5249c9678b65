"""The record of a finished run, read for publishing: its stages' summaries and its models.

Folders of different runs can lie side by side: those that do not fit together are refused before building.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from kun_recipes.data import schema
from kun_recipes.data.folders import TRAIN_SUMMARY, content_of, fingerprint, is_described_path, path_of
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.execution.summaries import finished_training, read_stages
from kun_recipes.models.resolve import model_identity
from kun_recipes.models.source import load_model_source
from kun_recipes.publishing.config import PublishConfig
from kun_recipes.publishing.licences import Licence

Role = Literal["label", "chat", "final"]
Summary = dict[str, Any]

ASKED_BY: dict[Role, str] = {"label": "label", "chat": "refine"}
"""The stage that asks the model of a role."""

AUTHORS = {"label": schema.LABEL_MODEL, "refine": schema.CHAT_MODEL}
"""Column in which a stage's rows name the model that it asked."""


@dataclass(frozen=True)
class TrainedModel:
    """A model that the run trained.

    Attributes:
        role: the label model, the primary chat model, or a final one.
        base: name of the model that it was trained from, where that is one of the run's; else what the training named.
    """

    name: str
    folder: Path
    role: Role
    summary: Summary
    base: str

    @property
    def base_is_local(self) -> bool:
        """True if the training began from a folder or file, which its summary knows by content, not from a Hub id."""
        return is_described_path(self.summary["config"]["model_name_or_path"])

    @cached_property
    def identity(self) -> str:
        """Identity by which the rows that the model made name it."""
        return model_identity(self.folder)


@dataclass(frozen=True)
class AskedModel:
    """A model that a stage asked and the run did not train.

    Attributes:
        name: a Hub id, the name at a server, or a folder's own name.
        at: where it is asked: on this machine, for a model of the Hub too, or by a server.
        licence: id of its licence.
        base: Hub id of the model that it was trained from, where that is known.
        identity: by which the rows that it made name it.
    """

    name: str
    at: Literal["hub", "folder", "server"]
    licence: str
    base: str | None
    identity: str


@dataclass(frozen=True)
class RunRecord:
    """The summaries of the data stages, and the models.

    Attributes:
        models: those that the run trained, by name: the stages asked them, or they are to be published.
        asked: the models that the stages asked, by their roles.
    """

    corpus: Summary
    label: Summary
    refine: Summary
    models: dict[str, TrainedModel]
    asked: dict[Role, TrainedModel | AskedModel]

    def trained_from(self, model: TrainedModel) -> str:
        """Return the model that this line of trainings began with: a Hub id, a folder, or a model source file."""
        return self.first_of(model).base

    def first_of(self, model: TrainedModel) -> TrainedModel:
        """Return the first model of the line of trainings that this one ends."""
        while model.base in self.models:
            model = self.models[model.base]
        return model


def read_run(config: PublishConfig) -> RunRecord:
    """Read the folders that a config names.

    Raises:
        UserError: a stage or a training is not finished, they are not of one run, or the licence of a model that the
            run did not train is not given.
    """
    stages = read_stages(config)
    named = {role: stages[name]["config"]["model"] for role, name in ASKED_BY.items()}
    models = _trained(config.models, named)
    named_by_rows = _authors(Path(config.refine_dir))
    asked: dict[Role, TrainedModel | AskedModel] = {}
    for role, name in ASKED_BY.items():
        trained = next((model for model in models.values() if model.role == role), None)
        authors = named_by_rows[name]
        if trained and trained.identity not in authors:
            raise UserError(
                f"{trained.folder}: is {trained.identity}, but the rows of {config.refine_dir} were written by "
                f"{', '.join(authors)}; run the stages that use this model again"
            )
        asked[role] = trained or _asked(config, stages[name]["config"], ", ".join(authors))
    _check_origins(config, [path_of(name) for name in named.values()])
    return RunRecord(**stages, models=models, asked=asked)


def _trained(published: dict[str, Path], asked: dict[Role, Any]) -> dict[str, TrainedModel]:
    """Return the models that the run trained. They are known by their content, for a run may have been moved.

    Args:
        published: folders by name.
        asked: the models that the label and the refine stage asked, as their summaries describe them.
    """
    for folder in published.values():
        finished_training(folder)
    known = {fingerprint(folder): folder for folder in published.values()}
    folders = {role: known.get(content_of(one), Path(path_of(one))) for role, one in asked.items()}
    folders = {role: folder for role, folder in folders.items() if (folder / TRAIN_SUMMARY).is_file()}
    by_name = {folder.name: folder for folder in folders.values()} | published
    summaries = {name: finished_training(folder) for name, folder in by_name.items()}
    roles = {folder.resolve(): role for role, folder in folders.items()}
    names = {fingerprint(folder): name for name, folder in by_name.items()}
    models = {}
    for name, folder in by_name.items():
        began = summaries[name]["config"]["model_name_or_path"]
        base = names.get(content_of(began), path_of(began))
        models[name] = TrainedModel(name, folder, roles.get(folder.resolve(), "final"), summaries[name], base)
    return models


def _asked(config: PublishConfig, stage: Mapping[str, Any], identity: str) -> AskedModel:
    """Return a model that the run did not train.

    Args:
        stage: config of the stage that asked it.
        identity: of the model, as the rows have it.
    """
    name, is_local = path_of(stage["model"]), is_described_path(stage["model"])
    origin = next((origin for origin in config.asked_models or [] if origin.name in _names(name)), None)
    licence, base = (origin.licence, origin.base) if origin else (None, None)
    at: Literal["hub", "folder", "server"] = "folder" if is_local else "hub"
    if is_local and name.endswith(".yaml"):
        licence = licence or licence_in(name, config).id
        called, at = load_model_source(Path(name)).hub_repo, "hub"
    else:
        called = Path(name).name if is_local else name
        at = "server" if stage["engine"] == "openai" else at
    if licence is None:
        raise UserError(
            f"model {name}: this run used it but did not train it (it has no {TRAIN_SUMMARY}); finish its training, "
            f"or set its licence: asked_models: [{{name: {called}, licence: …}}]"
        )
    return AskedModel(called, at, licence, base, identity)


def licence_in(source: str, config: PublishConfig) -> Licence:
    """Return the licence that a model source file names; raises UserError for one that is not known."""
    try:
        return config.licence(load_model_source(Path(source)).licence.lower())
    except ConfigError as error:
        raise UserError(f"{source}: {error}") from error


def _names(model: str) -> tuple[str, str]:
    """Return the names by which a config may call a model: the whole one, or that of its folder."""
    return model, Path(model).name


def _check_origins(config: PublishConfig, asked: list[str]) -> None:
    known = {name for model in asked for name in _names(model)}
    for origin in config.asked_models or []:
        if origin.name not in known:
            raise UserError(
                f"asked_models: no stage of this run used {origin.name}; label and refine used {' and '.join(asked)}"
            )


def _authors(refine_dir: Path) -> dict[str, list[str]]:
    """Return the models that the rows name, by the stage that asked them: one of each round."""
    found: dict[str, dict[str, None]] = {stage: {} for stage in AUTHORS}
    for row in read_rows(refine_dir / "rows"):
        for stage, column in AUTHORS.items():
            found[stage][row[column]] = None
    return {stage: list(models) for stage, models in found.items()}
