"""Licences: which there are, how strict each is beside the others, and how the Hub's metadata names them."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NotRequired, TypedDict

from kun_recipes.config.settings import load_typed
from kun_recipes.errors import ConfigError

DEFAULT_LICENCES = "licences.yaml"
OTHER = "other"
"""The Hub's word for a licence that is not on its list."""


class LicenceMetadata(TypedDict):
    """The keys of a card's metadata on its licence."""

    license: str
    license_name: NotRequired[str]
    license_link: NotRequired[str]


@dataclass(frozen=True)
class Licence:
    """A licence, as licences.yaml describes it.

    Attributes:
        id: what a config writes, and each row of its source carries.
        hub: the Hub's identifier, or "other".
        asks: what it asks of whoever uses the text, in a phrase.
    """

    id: str
    hub: str
    name: str
    link: str
    asks: str

    def metadata(self) -> LicenceMetadata:
        """The keys of a card's metadata."""
        if self.hub != OTHER:
            return {"license": self.hub}
        return {"license": OTHER, "license_name": self.id, "license_link": self.link}


@dataclass(frozen=True)
class Licences:
    """Every licence that is known, from the freest to the strictest."""

    licences: tuple[Licence, ...]

    def find(self, name: str, key: str) -> Licence:
        """The licence of an id; raises ConfigError, naming the config's `key`, for one that is not known."""
        for licence in self.licences:
            if licence.id == name:
                return licence
        known = ", ".join(licence.id for licence in self.licences)
        raise ConfigError(key, f"no licence {name}; there are {known}, and `licences:` names a file with more")

    def strictest(self, some: Iterable[Licence]) -> Licence:
        return max(some, key=self.licences.index)


def load_licences(path: str | Path | None = None) -> Licences:
    """Read a licences file; None reads the package's own. Raises UserError, naming the file and the key."""
    return load_typed(files("kun_recipes.publishing") / DEFAULT_LICENCES if path is None else Path(path), Licences)
