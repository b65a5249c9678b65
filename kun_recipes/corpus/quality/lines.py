"""Documents by their lines: menus, lists of links, tables of contents."""

from functools import lru_cache

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.quality.settings import LineLimits
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import NARROW_SENTENCE_ENDS, count_solid

LINE_ENDS = tuple(NARROW_SENTENCE_ENDS + ":.—~、,")  # whatever goes on or ends, unlike a link
CLOSERS = "\"'”’」』》】)] "  # fewer than CLOSING_MARKS: with more, other documents would be kept


class DocumentLines(Rule):
    """Drop documents whose lines are no sentences.

    Reads the text. Reasons: "few_sentence_ends" (the value is the share of lines that are sentences: they end with a
    mark or are long), "short_lines" (other lines a character). Verses are short, but end with marks.
    """

    name = "📏 document lines"

    def __init__(self, limits: LineLimits, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.limits = limits

    def find(self, text: str) -> Fault | None:
        limits, lines = self.limits, content_lines(text)
        if len(lines) < limits.min_lines:
            return None
        long = limits.long_line
        found = sum(len(line) >= long or line.rstrip(CLOSERS).endswith(LINE_ENDS) for line in lines)
        share, density = found / len(lines), (len(lines) - found) / count_solid(text)
        if limits.min_sentence_share is not None and share < limits.min_sentence_share:
            return Fault("few_sentence_ends", f"{share:.2f}")
        if limits.max_open_lines_per_character is not None and density > limits.max_open_lines_per_character:
            return Fault("short_lines", f"{density:.2f}")
        return None


@lru_cache(maxsize=1)
def content_lines(text: str) -> list[str]:
    """The lines of a document that are not blank."""
    return [line for line in text.split("\n") if line and not line.isspace()]
