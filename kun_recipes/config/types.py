"""Types that say more than Python's own: the limits of a number, and that a text is a path.

They annotate the fields of config and settings classes. Everything that depends on paths (which stage reads what
another one writes, fingerprints, moving a run, what a card publishes) asks these types; nothing guesses from a string.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Limits:
    """Bounds of a number: `min` and `max` inclusive, `above` exclusive."""

    min: float | None = None
    max: float | None = None
    above: float | None = None


Share = Annotated[float, Limits(min=0, max=1)]
"""A part of a whole."""
Amount = Annotated[float, Limits(min=0)]
Count = Annotated[int, Limits(min=0)]


@dataclass(frozen=True)
class Format:
    """The form of a text: a regular expression for the whole of it, and its name for messages."""

    pattern: str
    name: str


@dataclass(frozen=True)
class PathKind:
    """Use of a path by an option.

    Attributes:
        written: the stage writes there; otherwise it reads.
        hub: a Hub id is allowed instead.
        exists: the path, a glob included, must exist before anything runs, unless an earlier stage will write it.
            Readers report missing paths themselves.
        prompt: a prompt file, which cards print in full.
        named: results bear the name of the folder, so that another name is another input.
        stages: the folder holds the folders of these stages, which are what is read.
    """

    written: bool = False
    hub: bool = False
    exists: bool = False
    prompt: bool = False
    named: bool = False
    stages: tuple[str, ...] = ()


OutputPath = Annotated[str, PathKind(written=True)]
"""A folder that the stage writes."""
StagePath = Annotated[str, PathKind()]
"""A folder or file that an earlier stage writes."""
RoundPath = Annotated[str, PathKind(named=True, stages=("label_model", "primary_chat_model", "label", "refine"))]
"""The folder of a round, in which these stages wrote theirs."""
InputPath = Annotated[str, PathKind(exists=True)]
"""A file, folder, glob, or an address that fsspec opens (`hf://…`, `s3://…`)."""
PromptPath = Annotated[str, PathKind(exists=True, prompt=True)]
"""A prompt file."""
DatasetPath = Annotated[str, PathKind(exists=True, hub=True)]
"""A file, a folder, or the id of a dataset on the Hub."""
BenchmarkPath = Annotated[str, PathKind(hub=True)]
"""A folder or file of questions, or owner/name@commit on the Hub."""
RowsPath = Annotated[str, PathKind(hub=True)]
"""Rows that an earlier stage writes, a file or folder of rows, or owner/name@revision on the Hub."""
ModelPath = Annotated[str, PathKind(hub=True, named=True)]
"""A model folder, a model source file, or the id of a model on the Hub."""


TextKind = Literal["segment", "instruction", "answer"]
"""The texts that the rules read."""


@dataclass(frozen=True)
class PerText(Generic[Setting]):
    """One setting for each kind of text."""

    segment: Setting
    instruction: Setting
    answer: Setting

    def of(self, kind: TextKind) -> Setting:
        """Return the setting for one kind."""
        return {"segment": self.segment, "instruction": self.instruction, "answer": self.answer}[kind]


def field_types(section: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields, by name, with what annotates them."""
    hints = typing.get_type_hints(section, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(section) if field.init}


def is_optional(hint: Any) -> bool:
    """Return whether a type allows null."""
    return get_origin(hint) in (types.UnionType, Union) and type(None) in get_args(hint)


def without_null(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union except null; for any other type a tuple of the type itself."""
    if get_origin(hint) not in (types.UnionType, Union):
        return (hint,)
    return tuple(arm for arm in get_args(hint) if arm is not type(None))
