"""Licences: which there are, how strict each is compared with the others, and how the Hub's metadata names them."""

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

_HUB = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
openmdw-1.0 openmdw-1.1 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown
other
"""
ON_HUB = frozenset(_HUB.split())
"""The Hub's identifiers: docs/hub/repositories-licenses.md in huggingface/hub-docs at fd6cf1f5, of 6 June 2026."""


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
        asks: what it requires of users of the text, in a phrase.
    """

    id: str
    hub: str
    name: str
    link: str
    asks: str

    def metadata(self) -> LicenceMetadata:
        """Return the keys of a card's metadata."""
        if self.hub != OTHER:
            return {"license": self.hub}
        return {"license": OTHER, "license_name": self.id, "license_link": self.link}


@dataclass(frozen=True)
class Licences:
    """Every licence that is known, from the freest to the strictest."""

    licences: tuple[Licence, ...]

    def find(self, name: str, key: str) -> Licence:
        """Return the licence of an id; raises ConfigError, naming the config's `key`, for one that is not known."""
        for licence in self.licences:
            if licence.id == name:
                return licence
        known = ", ".join(licence.id for licence in self.licences)
        raise ConfigError(
            key, f"unknown licence {name}; choose from {known}, or set `licences:` to a file that has it"
        )

    def strictest(self, some: Iterable[Licence]) -> Licence:
        return max(some, key=self.licences.index)


def load_licences(path: str | Path | None = None) -> Licences:
    """Read a licences file; None reads the package's own. Raises UserError, naming the file and the key."""
    return load_typed(files("kun_recipes.publishing") / DEFAULT_LICENCES if path is None else Path(path), Licences)
