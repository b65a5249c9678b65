"""Answers that only repeat the question."""

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, verdict
from kun_recipes.text.views import letters, narrow


class AnswerCopiesPrompt(BaseFilter):
    """Drop answers that only repeat the instruction.

    Reads the instruction and the output. Reason: "echo"; the value is the number of letters that the answer adds. An
    answer that repeats the question and then answers it stays.

    Args:
        min_added: fewest letters, digits and Han characters of an answer beside the instruction; None keeps all.
        exclusion_writer: where dropped rows go.
    """

    name = "🦜 answer copies prompt"

    def __init__(self, min_added: int | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.min_added = min_added

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        asked, answered = (letters(narrow(doc.metadata[field])) for field in (schema.INSTRUCTION, schema.OUTPUT))
        if self.min_added is None or not asked or asked not in answered:
            return True
        added = len(answered.replace(asked, ""))
        return verdict(doc, Fault("echo", str(added)) if added < self.min_added else None)
