"""Documents by their characters: not Chinese, too short, too long, or mostly marks and numbers."""

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.quality.settings import CharacterLimits
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import (
    DIGIT,
    HAN_CHARACTER,
    LOST_SPACE,
    OTHER,
    PUNCTUATION,
    SYMBOL,
    class_counts,
    count_solid,
    count_words,
    pack,
)


class DocumentCharacters(Rule):
    """Drop documents that are no Chinese prose by their characters.

    Reads the text. Reasons: "too_short", "too_long" (the value is the number of characters), "not_chinese" (the share
    of Han characters), "few_function_words" (the number of different ones), "punctuation_share" (too low a share is
    that of word lists), "digit_share" and "symbol_share". Of three or more of the same mark in a row one counts.
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
        share = class_counts(text)[HAN_CHARACTER] / max(count_words(text), 1)
        if limits.min_han_share is not None and share < limits.min_han_share:
            return Fault("not_chinese", f"{share:.2f}")
        if limits.min_function_words is not None and count_solid(text) >= limits.min_measured:
            found = sum(word in text for word in limits.function_words)
            if found < limits.min_function_words:
                return Fault("few_function_words", str(found))
        return None

    def _marks(self, text: str) -> Fault | None:
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
