"""Options of the annotation app."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kun_recipes.config.options import option
from kun_recipes.config.types import OutputPath, StagePath
from kun_recipes.errors import ConfigError

DATABASE = "annotation.sqlite"
ADMIN = "admin"
"""The name of the link that shows progress and agreement; no annotator may have it."""


@dataclass(kw_only=True)
class AnnotateConfig:
    """Serve the page on which annotators judge pairs and compare answers (Kun §4.2.2, §4.2.3)."""

    study_dir: StagePath = option(
        help="folder with quality.jsonl, preference.jsonl, or both, written by the study stage"
    )
    output_dir: OutputPath = option(help="folder of the votes: annotation.sqlite and its exports")

    annotators: list[str] = option(help="pseudonyms, one link each; a name removed from the list loses access")
    votes_per_item: int = option(3, "number of annotators per item", source="Kun §4.2.2", min=1)
    timeout_minutes: float = option(
        30, "time after which an item that was shown but not judged may go to someone else", unit="minutes", above=0
    )
    both_bad: bool = option(
        False, "offer a fourth choice, both answers are bad; the paper has no such choice", source="Kun §4.2.3"
    )
    seed: int = option(0, "seed of the order of the items and of which answer is shown on the left")
    language: Literal["zh", "en"] = option("zh", "language of the page that a link opens; each page has a switch")

    host: str = option("127.0.0.1", "address that the server listens on; 0.0.0.0: all addresses of this machine")
    port: int = option(7860, "port that the server listens on", min=1, max=65535)
    address: str | None = option(
        None, "beginning of the links, such as https://votes.example.org behind a proxy; null: http://host:port"
    )
    share: bool = option(False, "open a public tunnel through Gradio's servers; the links then begin with its address")

    renew: list[str] | None = option(
        None, "names that get a new link, for example after a loss; the old link is closed"
    )
    overview: bool = option(False, "print progress and agreement, then exit")
    export: bool = option(False, "write the votes without names as JSONL, CSV and a Hub dataset, then exit")
    space_dir: OutputPath | None = option(None, "folder to write the app to, for a Hub Space; then exit")

    def check(self) -> None:
        for name, times in Counter(self.annotators).items():
            if times > 1:
                raise ConfigError("annotators", f"{name}: duplicate name; give each annotator a different name")
        if ADMIN in self.annotators:
            raise ConfigError("annotators", f"{ADMIN} is reserved for the link to the overview; choose another name")
        if len(self.annotators) < self.votes_per_item:
            raise ConfigError(
                "annotators",
                f"{len(self.annotators)} annotators cannot give {self.votes_per_item} votes per item, one each; "
                "add annotators, or lower votes_per_item",
            )
        if unknown := set(self.renew or ()) - {*self.annotators, ADMIN}:
            raise ConfigError("renew", f"{min(unknown)}: unknown annotator; choose one of annotators, or {ADMIN}")
        if sum((self.overview, self.export, self.space_dir is not None)) > 1:
            raise ConfigError("export", "overview, export and space_dir each end the run; set only one of them")

    @property
    def database(self) -> Path:
        return Path(self.output_dir) / DATABASE
