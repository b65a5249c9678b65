"""Tallies of rows: counts, bytes, lengths, and a few rows chosen by hash; tallies of parts add up."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash

EXAMPLES = 20  # rows shown of each reason
SHOWN_CHARACTERS = 1200  # of a row's text; a whole document can be long
LENGTH_STEP = 50  # characters; the first class of lengths, each following one is twice as wide
LENGTH_CLASSES = 12


@dataclass
class Tally:
    """A number of rows.

    Attributes:
        rows: how many.
        bytes: of their text in UTF-8.
        lengths: rows in each class of `length_class`.
        examples: (hash, row) of the rows whose ids have the smallest hashes, at most `EXAMPLES`: a random choice that
            does not depend on the order or on how the rows were split.
    """

    rows: int = 0
    bytes: int = 0
    lengths: list[int] = field(default_factory=lambda: [0] * LENGTH_CLASSES)
    examples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        text = row[schema.TEXT]
        self.rows += 1
        self.bytes += len(text.encode(errors="surrogatepass"))
        self.lengths[length_class(len(text))] += 1
        rank = choice_hash(row[schema.ID])
        if len(self.examples) < EXAMPLES or rank < self.examples[-1][0]:
            self._keep([(rank, _example(row))])

    def merge(self, other: "Tally") -> None:
        self.rows += other.rows
        self.bytes += other.bytes
        self.lengths = [mine + theirs for mine, theirs in zip(self.lengths, other.lengths, strict=True)]
        self._keep(other.examples)

    def _keep(self, examples: Iterable[tuple[int, dict[str, Any]]]) -> None:
        self.examples = heapq.nsmallest(EXAMPLES, [*self.examples, *examples], key=lambda example: example[0])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Tally":
        return cls(**{**values, "examples": [tuple(example) for example in values["examples"]]})


def length_class(characters: int) -> int:
    """Return the length class: 0 for fewer than 50 characters, 1 for fewer than 100, 2 for fewer than 200, and so on.

    The last has no end.
    """
    return min((characters // LENGTH_STEP).bit_length(), LENGTH_CLASSES - 1)


def length_labels() -> list[str]:
    """Return the classes of lengths in words."""
    edges = [0, *(LENGTH_STEP << number for number in range(LENGTH_CLASSES - 1))]
    bounded = [f"{low}–{high - 1}" for low, high in pairwise(edges)]
    return [*bounded, f"{edges[-1]} and more"]


def _example(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that a reader of the report wants, and the part of the text that the value stands in."""
    text, value = row[schema.TEXT], str(row.get(schema.VALUE, ""))
    found = text.find(value) if value else -1
    start = max(found - SHOWN_CHARACTERS // 2, 0) if found > SHOWN_CHARACTERS // 2 else 0
    columns = (
        schema.ID,
        schema.SOURCE,
        schema.DOCUMENT_ID,
        schema.TITLE,
        schema.TOKENS,
        schema.INSTRUCTION,
        schema.OUTPUT,
    )
    return {
        **{column: row[column] for column in columns if row.get(column) is not None},
        schema.VALUE: value,
        schema.TEXT: "…" * (start > 0) + text[start : start + SHOWN_CHARACTERS],
        "more": max(len(text) - start - SHOWN_CHARACTERS, 0),
    }
