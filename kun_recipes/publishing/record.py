"""The record of a finished run, read for publishing: its stages' summaries and its models.

Folders of different runs can lie side by side: what does not fit together is refused here, before anything is built.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from kun_recipes.data import schema
from kun_recipes.data.folders import content_of, fingerprint, is_described_path, path_of
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError
from kun_recipes.execution.summaries import finished_training, read_stages
from kun_recipes.models.resolve import model_identity
from kun_recipes.publishing.config import PublishConfig

Role = Literal["label", "chat", "final"]
Summary = dict[str, Any]

ASKED_BY: dict[Role, str] = {"label": "label", "chat": "refine"}
"""The stage that asks the model of a role."""


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
class RunRecord:
    """The summaries of the data stages, and the models by name: those that the stages asked, and those to publish."""

    corpus: Summary
    label: Summary
    refine: Summary
    models: dict[str, TrainedModel]

    def by_role(self, role: Role) -> TrainedModel:
        """Return the model of a role that a run has one of: label, or chat."""
        return next(model for model in self.models.values() if model.role == role)

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
        UserError: a stage or a training is not finished, or they are not of one run.
    """
    stages = read_stages(config)
    asked = {role: stages[name]["config"]["model"] for role, name in ASKED_BY.items()}
    record = RunRecord(**stages, models=_models(config.models, asked))
    _check_authors(record, Path(config.refine_dir))
    return record


def _models(published: dict[str, Path], asked: dict[Role, Any]) -> dict[str, TrainedModel]:
    """Return all models of a run. They are known by their content, for a run may have been moved.

    Args:
        published: folders by name.
        asked: the models that the label and the refine stage asked, as their summaries describe them.
    """
    for folder in published.values():
        finished_training(folder)
    known = {fingerprint(folder): folder for folder in published.values()}
    folders = {role: known.get(content_of(one), Path(path_of(one))) for role, one in asked.items()}
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


def _check_authors(record: RunRecord, refine_dir: Path) -> None:
    """Refuse models that are not those which wrote the rows: they were trained again since."""
    authors: dict[Role, str] = {"label": schema.LABEL_MODEL, "chat": schema.CHAT_MODEL}
    for role, column in authors.items():
        model = record.by_role(role)
        named = dict.fromkeys(row[column] for row in read_rows(refine_dir / "rows"))  # one of each round
        if model.identity not in named:
            raise UserError(
                f"{model.folder}: is {model.identity}, but the rows of {refine_dir} are by {', '.join(named)}; "
                "run the stages that this model serves again"
            )
