"""plan.yaml: what a plan is computed from, each number with its source. Where a value is null, the source says why."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from kun_recipes.config.settings import read_yaml_mapping
from kun_recipes.config.types import Share
from kun_recipes.config.values import first_repeated, nearest, read_value
from kun_recipes.errors import ConfigError

DEVICES = ("gpu", "core")


@dataclass(frozen=True)
class Assumption:
    """A number and where it comes from."""

    value: float | None
    source: str

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ConfigError("source", "is empty; say where the number comes from, or why it is unknown")
        if self.value is not None and not 0 < self.value < math.inf:
            raise ConfigError("value", f"must be above 0, not {self.value}; write null where it is unknown")

    @property
    def number(self) -> float:
        """The value; NaN where it is unknown, so that everything computed from it is unknown too."""
        return math.nan if self.value is None else self.value


@dataclass(frozen=True)
class AssumedShare(Assumption):
    """A part of a whole."""

    value: Share | None


@dataclass(frozen=True)
class CorpusSize:
    """Size of the corpora of one format: documents, and bytes of their text in UTF-8."""

    format: str
    documents: Assumption
    text_bytes: Assumption


@dataclass(frozen=True)
class Outside:
    """Rows that a stage reads and no stage of the recipe writes: seeds, other instruction sets, another recipe's rows.

    Attributes:
        name: as in the stage file: a path or a Hub id.
        tokens: of a row's instruction and output together; of a candidate, its segment's.
    """

    name: str
    rows: Assumption
    tokens: Assumption


@dataclass(frozen=True)
class Assumptions:
    """A plan.yaml.

    Attributes:
        device: whose speeds these are: "gpu", or "core" for a recipe that runs without.
        parameters: of the model.
        corpora: sizes, by format.
        outside: rows that the recipe reads and does not write.
        sections: what the stages declare, such as "label"; each is an attribute, too.
    """

    device: str
    parameters: Assumption
    corpora: tuple[CorpusSize, ...]
    outside: tuple[Outside, ...]
    sections: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["sections"][name]
        except KeyError:
            raise AttributeError(name) from None

    def named(self) -> Iterator[tuple[str, Assumption]]:
        """Every number with its name, such as "label.kept_share"."""
        for field in fields(self):
            if field.name != "sections":
                yield from _walk(getattr(self, field.name), field.name)
        for name, section in self.sections.items():
            yield from _walk(section, name)


def _walk(value: Any, name: str) -> Iterator[tuple[str, Assumption]]:
    if isinstance(value, Assumption):
        yield name, value
    elif isinstance(value, tuple):
        for item in value:
            yield from _walk(item, f"{name}[{_key(item)}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from _walk(getattr(value, field.name), f"{name}.{field.name}")


def _key(item: CorpusSize | Outside) -> str:
    return item.format if isinstance(item, CorpusSize) else item.name


def load_assumptions(path: str | Path, sections: Mapping[str, type]) -> Assumptions:
    """Read a plan.yaml.

    Args:
        sections: the sections that the stages declare: their names and classes.

    Raises:
        ConfigError: no such file, not YAML, an unknown or missing key, a wrong type, a number below or at 0, a share
            above 1, a number without a source; with the file and the key.
    """
    values = read_yaml_mapping(path)
    common = {
        "device": str,
        "parameters": Assumption,
        "corpora": tuple[CorpusSize, ...],
        "outside": tuple[Outside, ...],
    }
    kinds: dict[str, Any] = {**common, **sections}
    try:
        for name in values:
            if name not in kinds:
                raise ConfigError(str(name), f"unknown key{nearest(name, kinds)}")
        for name in kinds:
            if name not in values:
                raise ConfigError(name, "is missing")
        read = {name: read_value(values[name], kind, name) for name, kind in kinds.items()}
        if read["device"] not in DEVICES:
            raise ConfigError("device", f"must be one of {', '.join(DEVICES)}, not {read['device']!r}")
        for name in ("corpora", "outside"):
            keys = [_key(item) for item in read[name]]
            if double := first_repeated(keys):
                raise ConfigError(name, f"{double} is given twice")
    except ConfigError as error:
        error.where = str(path)
        raise
    return Assumptions(**{name: read[name] for name in common}, sections={name: read[name] for name in sections})
