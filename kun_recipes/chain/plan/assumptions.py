"""plan.yaml: what a plan is computed from, each number with its source. Where a value is null, the source says why."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from pathlib import Path
from typing import Any, Literal

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Share
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import ConfigError

Device = Literal["gpu", "core"]


@dataclass(frozen=True)
class Assumption:
    """A number and where it comes from."""

    value: float | None
    source: str

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ConfigError("source", "is empty; say where the number comes from, or why it is unknown")
        if self.value is not None and not 0 < self.value < math.inf:
            raise ConfigError("value", f"must be above 0, not {self.value}; write null if it is unknown")

    @property
    def number(self) -> float:
        """The value; NaN if it is unknown, so that everything computed from it is unknown too."""
        return math.nan if self.value is None else self.value


@dataclass(frozen=True)
class AssumedShare(Assumption):
    """A part of a whole."""

    value: Share | None


UNMEASURED = Assumption(None, "not measured")


@dataclass(frozen=True)
class ModelSize:
    """A model, as its config.json has it.

    Attributes:
        width: of the state of a token, between two layers.
        kv_width: of a token's keys in a layer, and of its values: key-value heads, each as wide as a head is.
        vocabulary: tokens that there are.
    """

    parameters: Assumption
    layers: Assumption
    width: Assumption
    kv_width: Assumption
    vocabulary: Assumption


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
        device: what the models run on: "gpu", or "core" for a recipe that runs without.
        corpora: sizes, by format.
        outside: rows that the recipe reads and does not write.
        sections: what the stages declare, such as "label"; each is an attribute, too.
        speeds: that were measured, by stage: tokens per second of a device, of the corpus stage rows.
        sharded: whether a training shards weights, gradients and optimizer over its GPUs.
    """

    device: Device
    model: ModelSize
    corpora: tuple[CorpusSize, ...]
    outside: tuple[Outside, ...]
    sections: Mapping[str, Any]
    speeds: Mapping[str, Assumption] = field(default_factory=dict)
    sharded: bool = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["sections"][name]
        except KeyError:
            raise AttributeError(name) from None

    def speed(self, *stages: str) -> Assumption:
        """Return the measured speed of the first of these stages that has one."""
        return next((self.speeds[stage] for stage in stages if stage in self.speeds), UNMEASURED)

    def named(self) -> Iterator[tuple[str, Assumption]]:
        """Yield every number with its name, such as "label.kept_share"."""
        for name, value in {**{name: getattr(self, name) for name in COMMON}, **self.sections}.items():
            yield from _walk(value, name)
        for stage, speed in self.speeds.items():
            yield f"{stage}, per second", speed


COMMON = {
    "device": Device,
    "model": ModelSize,
    "corpora": tuple[CorpusSize, ...],
    "outside": tuple[Outside, ...],
}
"""Keys of every plan.yaml in addition to the sections of the stages."""


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
    kind: type[Any] = make_dataclass("PlanFile", [*COMMON.items(), *sections.items()])
    read = load_typed(path, kind)
    for name in ("corpora", "outside"):
        if double := first_repeated([_key(item) for item in getattr(read, name)]):
            raise ConfigError(name, f"{double} is given twice", str(path))
    common = {name: getattr(read, name) for name in COMMON}
    return Assumptions(**common, sections={name: getattr(read, name) for name in sections})
