"""Options of the publish stage."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, OutputPath, RowsPath, StagePath
from kun_recipes.config.values import first_repeated
from kun_recipes.data.row_sources import RowSource
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.execution.summaries import RunFolders
from kun_recipes.publishing.licences import Licence, Licences, load_licences
from kun_recipes.reporting.language import ENGLISH, Language, language_option
from kun_recipes.shipped import shipped

DATASET, CANDIDATES = "dataset", "candidates"
WRITES = ("*/*",)
"""Patterns of what the stage writes: a folder for each repository."""


def card_template(kind: Literal["dataset", "model", "rows"], language: Language) -> Path:
    """Return the package's template of a kind of card in a language."""
    folder = "cards" if language == ENGLISH else f"cards/{language}"
    return Path(shipped(f"{folder}/{kind}_card.md.jinja"))


def kind_of(name: str) -> Literal["dataset", "model"]:
    """Return the Hub's kind of repository for what is published under one of a config's names."""
    return "dataset" if name in (DATASET, CANDIDATES) else "model"


@dataclass(frozen=True)
class Source:
    """A source of the published rows."""

    name: str = option(help="name of the source, as in the rows' column `source`")
    licence: str = option(help="licence id, such as cc-by-4.0", source="kun_recipes/publishing/licences.yaml")
    origin: str = option(help="where it comes from: a Hub dataset, a URL, or free text")


@dataclass(frozen=True)
class ModelOrigin:
    """A model that the run asked and did not train."""

    name: str = option(
        help="as in `model:` of label.yaml or refine.yaml; for a folder, its name without the path is enough"
    )
    licence: str = option(help="licence id, such as apache-2.0", source="kun_recipes/publishing/licences.yaml")
    base: str | None = option(None, help="Hub id of the model that it was trained from")


@dataclass(kw_only=True)
class PublishConfig(RunFolders):
    """Build a release with its cards, and push it when asked. Or: --check DATASET. --dry-run is --push false."""

    model_dirs: list[StagePath] | None = option(None, "folders of trained models")
    evaluation_dir: StagePath | None = option(
        None, "folder of the finished evaluate stage, with results for the model cards"
    )
    benchmark_tasks: dict[str, str] | None = option(
        None,
        "task of each evaluated benchmark, as in eval.yaml of its Hub dataset, such as {ceval/ceval-exam: <task>}; "
        "results then also go into .eval_results of the models; null: only into their cards",
    )
    report_dir: StagePath | None = option(
        None, "folder of the finished report stage, with figures for the card of the pairs"
    )
    gain_dirs: list[StagePath] | None = option(
        None, "folders of the finished gain stages of a run with several rounds, for the card of the pairs"
    )
    recipes: list[InputPath] = option(help="recipe folders whose YAML files made the run; published with it")
    output_dir: OutputPath = option(help="folder of this stage, with one folder per repository", affects_rows=False)

    namespace: str = option(help="user or organisation on the Hub")
    repositories: dict[str, str] = option(
        help="repository name of each published item, such as {dataset: COIG-Kun, label_model: Kun-LabelModel}; "
        "items: dataset, candidates, or the name of a folder in model_dirs"
    )
    tag: str = option("v1.0.0", "tag of this release; different content needs a different tag")
    sources: list[Source] = option(help="licence and origin of each source; they are never assumed")
    seeds_origin: str | None = option(
        None, "origin and licence of the seed pairs of the models: a Hub dataset, or free text"
    )
    licences: InputPath | None = option(None, "YAML file of licences; null: the package's file")
    model_licence: str | None = option(
        None, "licence of the models, which the base model's must allow; null: the one in the base's model source file"
    )
    base_model: str | None = option(None, "Hub id of the base model; null: the one named in the trainings")
    asked_models: list[ModelOrigin] | None = option(
        None,
        "models that label or refine used and that the run did not train (from the Hub, a server or a folder); a "
        "model source file names its own licence",
    )
    withhold: InputPath | None = option(
        None,
        "file of rows not to publish, such as requested removals: per line a row id, `document: …`, `source: …` or "
        "`licence: …`",
    )
    previous: RowsPath | None = option(
        None,
        "release that this one follows: a folder, or owner/name@revision on the Hub; the card of the pairs "
        "(of the candidates if only they are published) and changes.json next to it list the changes",
    )
    language: Language = language_option(affects_rows=True)
    dataset_card: InputPath | None = option(None, "template of the dataset cards; null: the package's, in `language`")
    model_card: InputPath | None = option(None, "template of the model cards; null: the package's, in `language`")

    push: bool = option(False, "push to the Hub; otherwise only build and check", affects_rows=False)
    private: bool = option(True, "make the repositories visible only to their owners", affects_rows=False)

    def check(self) -> None:
        folders = [Path(folder).name for folder in self.model_dirs or []]
        if twice := first_repeated(folders):
            raise ConfigError("model_dirs", f"two folders are named {twice}; rename one of them")
        for name, repository in self.names.items():
            if kind_of(name) == "model" and name not in self.models:
                known = ", ".join([DATASET, CANDIDATES, *self.models])
                raise ConfigError("repositories", f"unknown repository {name}; choose from {known}")
            try:
                validate_repo_id(f"{self.namespace}/{repository}")
            except HFValidationError as error:
                raise ConfigError(
                    "repositories", f"not a valid name on the Hub: {' '.join(str(error).split())}"
                ) from error
        if len(set(self.names.values())) < len(self.names):
            raise ConfigError("repositories", "two repositories have the same name")
        if self.models.keys() & self.names.keys() and self.seeds_origin is None:
            raise ConfigError("seeds_origin", "is required to publish models; it is never assumed")
        self._check_previous()
        if self.benchmark_tasks and self.evaluation_dir is None:
            raise ConfigError(
                "benchmark_tasks", "has no effect without evaluation_dir; remove it, or set evaluation_dir"
            )
        if self.model_licence:
            self.licence(self.model_licence)
        asked = [model.name for model in self.asked_models or []]
        if double := first_repeated(asked):
            raise ConfigError("asked_models", f"{double} is given twice")
        for model in self.asked_models or []:
            self.known_licences.find(model.licence, "asked_models")
        names = [source.name for source in self.sources]
        if double := first_repeated(names):
            raise ConfigError("sources", f"{double} is given twice")
        self.licences_of_sources()

    def _check_previous(self) -> None:
        if self.previous is None:
            return
        if self.compared is None:
            raise ConfigError("previous", "has no effect unless the dataset or the candidates are published")
        if Path(self.previous).absolute().is_relative_to(Path(self.output_dir).absolute()):
            raise ConfigError(
                "previous", f"{self.previous} is overwritten by this release; set a copy, or the release on the Hub"
            )
        try:
            RowSource(self.previous).check()
        except UserError as error:
            raise ConfigError("previous", str(error)) from error

    def template(self, kind: Literal["dataset", "model"]) -> Path:
        """Return the template of the cards of a kind of repository."""
        given = {"dataset": self.dataset_card, "model": self.model_card}[kind]
        return Path(given) if given else card_template(kind, self.language)

    @property
    def compared(self) -> str | None:
        """Name of the dataset that is compared with the previous release: the pairs, or else the candidates."""
        return next((name for name in (DATASET, CANDIDATES) if name in self.names), None)

    @property
    def names(self) -> dict[str, str]:
        """Names of what is published, with those of the repositories."""
        return self.repositories

    @property
    def models(self) -> dict[str, Path]:
        """The folders of the models by their names."""
        return {Path(folder).name: Path(folder) for folder in self.model_dirs or []}

    def repository(self, name: str) -> str:
        """Return the Hub's id of something that is published here."""
        return f"{self.namespace}/{self.names[name]}"

    def kinds(self) -> dict[str, str]:
        """Return the Hub's kind of each repository, by its id."""
        return {self.repository(name): kind_of(name) for name in self.names}

    def published_repository(self, name: str) -> str | None:
        """Return the Hub's id of something, if it is published here."""
        return self.repository(name) if name in self.names else None

    @cached_property
    def known_licences(self) -> Licences:
        try:
            return load_licences(self.licences)
        except UserError as error:
            raise ConfigError("licences", str(error)) from error

    def licences_of_sources(self) -> dict[str, Licence]:
        return {source.name: self.known_licences.find(source.licence, "sources") for source in self.sources}

    def licence(self, name: str) -> Licence:
        """Return a licence of models; raises ConfigError for an unknown one."""
        return self.known_licences.find(name, "model_licence")

    def origins(self) -> dict[str, str]:
        return {source.name: source.origin for source in self.sources}
