"""Options of the publish stage."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from kun_recipes.config.options import ConfigError, option
from kun_recipes.errors import UserError
from kun_recipes.execution.summaries import RunFolders
from kun_recipes.publishing.licences import Licence, Licences, load_licences

DATASET, CANDIDATES = "dataset", "candidates"


def kind_of(name: str) -> Literal["dataset", "model"]:
    """The Hub's kind of repository for what is published under one of a config's names."""
    return "dataset" if name in (DATASET, CANDIDATES) else "model"


@dataclass(kw_only=True)
class PublishConfig(RunFolders):
    """Build a release with its cards, and push it when asked. Or: --check DATASET. --dry-run is --push false."""

    model_dirs: list[str] | None = option(None, "folders of trained models")
    evaluation_dir: str | None = option(None, "folder of the finished evaluate stage: results for the models' cards")
    report_dir: str | None = option(None, "folder of the finished report stage: figures for the card of the pairs")
    recipes: list[str] = option(help="recipe folders whose YAML files made the run: published with it", exists=True)
    output_dir: str = option(help="folder of this stage: a folder for each repository", affects_rows=False)

    namespace: str = option(help="user or organisation on the Hub")
    repositories: list[str] = option(
        help="what is published under which name, as `dataset=COIG-Kun label_model=Kun-LabelModel`: "
        "dataset, candidates, or the name of a folder of model_dirs"
    )
    tag: str = option("v1.0.0", "tag of this release; another content needs another one")
    source_licences: list[str] = option(
        help="licence of each source, as `wanjuan=cc-by-4.0`", source="kun_recipes/publishing/licences.yaml"
    )
    source_origins: list[str] = option(
        help="where each source comes from, as `skypile=Skywork/SkyPile-150B`: a Hub dataset, an address, or words"
    )
    seeds_origin: str | None = option(
        None, "where the seed pairs of the models come from, and their licence: a Hub dataset, or words"
    )
    licences: str | None = option(None, "YAML file of licences; null takes the package's", exists=True)
    model_licence: str | None = option(
        None, "licence of the models, which the base model's must allow; null: that of the base's model source file"
    )
    base_model: str | None = option(None, "Hub id of the base model; null: the one that the trainings name")
    withhold: str | None = option(
        None, "file of row ids, one a line, that are not published: removals that were asked for", exists=True
    )
    dataset_card: str = option("cards/dataset_card.md.jinja", "template of the datasets' cards", exists=True)
    model_card: str = option("cards/model_card.md.jinja", "template of the models' cards", exists=True)

    push: bool = option(False, "send it to the Hub; otherwise it is only built and checked", affects_rows=False)
    private: bool = option(True, "visible to its owners alone", affects_rows=False)

    def check(self) -> None:
        for name, repository in self.names.items():
            if kind_of(name) == "model" and name not in self.models:
                known = ", ".join([DATASET, CANDIDATES, *self.models])
                raise ConfigError("repositories", f"there is no {name} to publish; there are {known}")
            try:
                validate_repo_id(f"{self.namespace}/{repository}")
            except HFValidationError as error:
                raise ConfigError("repositories", f"no name for the Hub: {' '.join(str(error).split())}") from error
        if len(set(self.names.values())) < len(self.names):
            raise ConfigError("repositories", "two of them have the same name")
        if self.models.keys() & self.names.keys() and self.seeds_origin is None:
            raise ConfigError("seeds_origin", "is required where models are published: it is never assumed")
        if self.model_licence:
            self.licence(self.model_licence)
        self.licences_of_sources()
        self.origins()

    @cached_property
    def names(self) -> dict[str, str]:
        """What is published, and the name of its repository."""
        return pairs("repositories", self.repositories)

    @property
    def models(self) -> dict[str, Path]:
        """The folders of the models by their names."""
        return {Path(folder).name: Path(folder) for folder in self.model_dirs or []}

    def repository(self, name: str) -> str | None:
        """The Hub's id of something, if it is published here."""
        return f"{self.namespace}/{self.names[name]}" if name in self.names else None

    @cached_property
    def known_licences(self) -> Licences:
        try:
            return load_licences(self.licences)
        except UserError as error:
            raise ConfigError("licences", str(error)) from error

    def licences_of_sources(self) -> dict[str, Licence]:
        known = self.known_licences
        given = pairs("source_licences", self.source_licences)
        return {source: known.find(name, "source_licences") for source, name in given.items()}

    def licence(self, name: str) -> Licence:
        """A licence of models; raises ConfigError for one that is not known."""
        return self.known_licences.find(name, "model_licence")

    def origins(self) -> dict[str, str]:
        return pairs("source_origins", self.source_origins)


def pairs(key: str, words: list[str]) -> dict[str, str]:
    """`name=value` words as a mapping; raises ConfigError, naming the config's `key`, for what is none."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        if not (name and equals and value):
            raise ConfigError(key, f"write name=value, not {word!r}")
        if name in found:
            raise ConfigError(key, f"{name} is given twice")
        found[name] = value
    return found
