"""Rules on documents by their characters, lines and phrases, and all rules as the corpus stage runs them."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.quality.repetition import DocumentRepetition, content_lines
from kun_recipes.corpus.quality.settings import CharacterLimits, KeywordDensity, LineLimits, QualitySettings
from kun_recipes.data import schema
from kun_recipes.rules.characters import not_chinese
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import (
    DIGIT,
    LOST_SPACE,
    NARROW_SENTENCE_ENDS,
    OTHER,
    PUNCTUATION,
    SYMBOL,
    count_solid,
    pack,
)
from kun_recipes.text.formulas import without_formulas
from kun_recipes.text.short_lines import said_share

LINE_ENDS = tuple(NARROW_SENTENCE_ENDS + ":.—~、,")  # of text that continues or ends, unlike a link
TABLE_ROW = re.compile(r"^\s*\||\t.*\S\t")
CLOSERS = "\"'”’」』》】)] "  # fewer than CLOSING_MARKS: with more, other documents would be kept


class DocumentCharacters(Rule):
    """Drop documents that are no Chinese prose by their characters.

    Reads the text. Reasons: "too_short", "too_long" (the value is the number of characters), "not_chinese" (the share
    of Han characters), "few_function_words" (the number of different ones), "punctuation_share" (too low a share is
    that of word lists), "digit_share" and "symbol_share". Of three or more of the same mark in a row one counts.
    Formulas are left out where the text would fall by them.
    """

    name = "🀄 document characters"

    def __init__(self, limits: CharacterLimits, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.limits = limits

    def find(self, text: str) -> Fault | None:
        return self._length(text) or self._language(text) or self._marks(text)

    def _length(self, text: str) -> Fault | None:
        least, most, length = self.limits.min_characters, self.limits.max_characters, count_solid(text)
        if least is not None and length < least:
            return Fault("too_short", str(length))
        return Fault("too_long", str(length)) if most is not None and length > most else None

    def _language(self, text: str) -> Fault | None:
        limits = self.limits
        if fault := not_chinese(text, limits.min_han_share):
            return fault
        if limits.min_function_words is not None and count_solid(text) >= limits.min_measured:
            found = sum(word in text for word in limits.function_words)
            if found < limits.min_function_words:
                return Fault("few_function_words", str(found))
        return None

    def _marks(self, text: str) -> Fault | None:
        fault = self._shares(text)
        return fault and self._shares(without_formulas(text)) and fault

    def _shares(self, text: str) -> Fault | None:
        limits = self.limits
        _, kinds = pack(text)
        if len(kinds) < limits.min_measured:
            return None
        shares = np.bincount(kinds, minlength=LOST_SPACE) / len(kinds)
        for reason, share, lowest, highest in (
            ("punctuation_share", shares[PUNCTUATION], limits.min_punctuation_share, limits.max_punctuation_share),
            ("digit_share", shares[DIGIT], None, limits.max_digit_share),
            ("symbol_share", shares[SYMBOL] + shares[OTHER], None, limits.max_symbol_share),
        ):
            if (lowest is not None and share < lowest) or (highest is not None and share > highest):
                return Fault(reason, f"{share:.3f}")
        return None


class DocumentLines(Rule):
    """Drop documents whose lines are no sentences.

    Reads the text. Reasons: "few_sentence_ends" (the value is the share of lines that are sentences: they end with a
    mark or are long), "short_lines" (other lines per character). Rows of a table are not counted. Verses, ingredients
    and steps are short, and stay for what they say.
    """

    name = "📏 document lines"

    def __init__(self, limits: LineLimits, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.limits = limits

    def find(self, text: str) -> Fault | None:
        limits, lines = self.limits, content_lines(text)
        if "|" in text or "\t" in text:
            lines = [line for line in lines if not TABLE_ROW.search(line)]
        if len(lines) < limits.min_lines:
            return None
        long = limits.long_line
        found = sum(len(line) >= long or line.rstrip(CLOSERS).endswith(LINE_ENDS) for line in lines)
        share, density = found / len(lines), (len(lines) - found) / count_solid(text)
        few = limits.min_sentence_share is not None and share < limits.min_sentence_share
        short = limits.max_open_lines_per_character is not None and density > limits.max_open_lines_per_character
        if not (few or short) or (limits.min_said_share is not None and said_share(lines) >= limits.min_said_share):
            return None
        return Fault("few_sentence_ends", f"{share:.2f}") if few else Fault("short_lines", f"{density:.2f}")


class DocumentKeywords(Rule):
    """Drop documents that are full of certain phrases; one phrase, or a few in a long text, drop nothing.

    Reads the text. Reasons are those of the lists, in quality.yaml "advertising", "gambling", "adult", "boilerplate"
    and "page_code"; the value is the phrases found. Texts about the matter stay: news about raids, articles of a law,
    medicine.

    Args:
        lists: phrases by reason, tried in order.
    """

    name = "🗑 document keywords"

    def __init__(self, lists: Sequence[KeywordDensity], exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.lists = tuple(lists)

    def find(self, text: str) -> Fault | None:
        for keywords in self.lists:
            found = [match[0].strip() for match in keywords.patterns.finditer(text)]
            different = list(dict.fromkeys(found))
            is_dense = 1000 * len(found) >= keywords.min_per_thousand * count_solid(text)
            if len(different) >= keywords.min_different and is_dense and not _is_spared(text, keywords):
                return Fault(keywords.reason, " / ".join(different))
        return None


def document_rules(settings: QualitySettings, removed: Callable[[str], DiskWriter | None]) -> list[PipelineStep]:
    """Return the rules on normalised documents, before they are cut.

    Args:
        removed: the exclusion writer for a block's name.
    """
    return [
        DocumentCharacters(settings.characters, removed("document_characters")),
        DocumentLines(settings.lines, removed("document_lines")),
        DocumentRepetition(settings.repetition, removed("document_repetition")),
        DocumentKeywords(settings.keywords, removed("document_keywords")),
    ]


def _is_spared(text: str, keywords: KeywordDensity) -> bool:
    if keywords.spared_by is None:
        return False
    return len({match[0] for match in keywords.spared_by.finditer(text)}) >= keywords.min_sparing
