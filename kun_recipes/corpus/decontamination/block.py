"""The block that keeps evaluation questions out."""

from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.decontamination.index import load_index
from kun_recipes.corpus.decontamination.matching import Matcher, Quote
from kun_recipes.data import schema

BATCH = 32  # segments looked at in one go: numpy's calls cost more than the letters of one segment


class Decontaminate(BaseFilter):
    """Drop segments that quote an evaluation question: its stem, its options, or a long run of either.

    Drops with reason "contaminated"; the value is "<benchmark>/<question id> <share of the question that is quoted>".

    Args:
        index: file that `QuestionIndex.save` wrote.
        exclusion_writer: where dropped rows go.
    """

    name = "🧪 decontaminate"

    def __init__(self, index: str | Path, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer, batch_size=BATCH)
        self.index = str(index)
        self._matcher: Matcher | None = None  # made in the process that uses it

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        if self._matcher is None:
            self._matcher = Matcher(load_index(self.index))
        quotes = self._matcher.find([document.text for document in batch])
        return [self._verdict(document, quote) for document, quote in zip(batch, quotes, strict=True)]

    def _verdict(self, doc: Document, quote: Quote | None) -> bool | tuple[bool, str]:
        if quote is None:
            return True
        doc.metadata[schema.VALUE] = f"{quote.question} {quote.share:.2f}"
        self.stat_update(f"contaminated_{quote.question.partition('/')[0]}")
        return False, "contaminated"
