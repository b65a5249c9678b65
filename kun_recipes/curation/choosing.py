"""The best of several candidates for a row, which is the row from there on. No model is asked."""

from collections.abc import Callable, Sequence
from itertools import groupby

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.details import missing_details
from kun_recipes.data import schema
from kun_recipes.execution.counts import NOT_BEST
from kun_recipes.rules.forms import load_forms

Merits = Callable[[Document], tuple[float, ...]]
"""Function that returns what speaks for a candidate, the weightiest first; more is better."""


class KeepBest(PipelineStep):
    """Keep the best of the candidates for each row; the statistic "not_best" counts the others.

    One that passes the checks is better than one that does not; then its merits decide, and then which was first.

    Args:
        checks: the blocks that drop rows further on. They are asked here, and drop nothing yet.
    """

    name = "🥇 best"
    type = "🔻 - FILTER"

    def __init__(self, checks: Sequence[BaseFilter], merits: Merits):
        super().__init__()
        self.checks, self.merits = checks, merits

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for _, rows in groupby(data, key=lambda doc: doc.id):
            candidates = list(rows)
            self.stat_update(NOT_BEST, value=len(candidates) - 1)
            yield candidates[0] if len(candidates) == 1 else max(candidates, key=self._rank)

    def _rank(self, doc: Document) -> tuple[float, ...]:
        _, fault = first_fault(doc, self.checks)
        return fault is None, *self.merits(doc)


def first_fault(doc: Document, checks: Sequence[BaseFilter]) -> tuple[Document, str | None]:
    """Return a copy of a row as the checks leave it, and the reason of the first that drops it, or None."""
    tried = Document(doc.text, doc.id, metadata=dict(doc.metadata))  # checks write into the row
    for check in checks:
        verdict = check.filter(tried)
        if verdict is not True:
            return tried, verdict[1]
    return tried, None


def instruction_merits(doc: Document) -> tuple[float, ...]:
    """Return whether it is a question or an order, whether the segment has all its details, and its fit."""
    instruction = doc.metadata[schema.INSTRUCTION]
    asks = not load_forms().is_statement(instruction)
    return asks, not missing_details(instruction, doc.text), doc.metadata.get(schema.FIT, float("-inf"))
