"""Base of every rule on documents, segments, instructions and answers: a block over one text of a row."""

import contextlib
from abc import abstractmethod
from collections import Counter
from typing import Literal, NamedTuple

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.typeshelper import StatHints

from kun_recipes.data import schema
from kun_recipes.text.classes import NARROW_SENTENCE_ENDS
from kun_recipes.text.views import narrow, without_zero_width

VALUE_LENGTH = 60  # characters of a match kept in the row
Verdict = Literal[True] | tuple[Literal[False], str]
"""True keeps the row; False drops it, with the reason."""


def sentences(text: str, min_characters: int) -> list[str]:
    """Return the sentences of a narrowed text without blanks, end marks and those under `min_characters`."""
    text = without_zero_width(text)
    for mark in NARROW_SENTENCE_ENDS:
        text = text.replace(mark, "\n")
    found = ["".join(piece.split()) for piece in text.split("\n") if len(piece) >= min_characters]
    return [sentence for sentence in found if len(sentence) >= min_characters]


class Fault(NamedTuple):
    """Why a text is dropped: the reason's name, and what was measured or matched."""

    reason: str
    value: str


class Rule(BaseFilter):
    """Base of the rules: reads one text of the row and drops the row when `find` names a fault in it.

    The fault's value goes to metadata["value"], so that a removed row says what was found in it.

    Args:
        field: which text is read: "text" is the segment, any other name a column of the metadata.
        exclusion_writer: where dropped rows go.
    """

    def __init__(self, field: str, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.field = field

    @abstractmethod
    def find(self, text: str) -> Fault | None:
        """Return the first fault of a text with half-width punctuation, or None."""

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        """Run as `BaseFilter.run` does, but count rows at the end, and without a clock per row.

        What datatrove spends on a row otherwise is as much as a cheap rule takes.
        """
        kept = 0
        dropped: Counter[str] = Counter()
        with self.exclusion_writer or contextlib.nullcontext() as writer:
            try:
                for doc in data:
                    verdict = self.filter(doc)
                    if verdict is True:
                        kept += 1
                        yield doc
                        continue
                    dropped[verdict[1]] += 1
                    if writer is not None:
                        doc.metadata["filter_reason"] = verdict[1]
                        writer.write(doc, rank)
            finally:
                self._count(kept, dropped)

    def _count(self, kept: int, dropped: Counter[str]) -> None:
        self.stat_update(StatHints.total, value=kept + dropped.total())
        self.stat_update(StatHints.forwarded, value=kept)
        self.stat_update(StatHints.dropped, value=dropped.total())
        for reason, rows in dropped.items():
            self.stat_update(f"dropped_{reason}", value=rows)

    def filter(self, doc: Document) -> Verdict:
        text = doc.text if self.field == schema.TEXT else doc.metadata[self.field]
        return verdict(doc, self.find(narrow(text)))


def verdict(doc: Document, fault: Fault | None) -> Verdict:
    """Return datatrove's verdict on the row; write the fault's value into the row."""
    if fault is None:
        return True
    doc.metadata[schema.VALUE] = fault.value[:VALUE_LENGTH]
    return False, fault.reason
