"""Too few characters, meaningless ones, and ones that are not Chinese (Kun A.2)."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.types import Count, Share
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import (
    CODE_POINTS,
    HAN_CHARACTER,
    KANA_AND_BOPOMOFO,
    LETTERS_AND_DIGITS,
    LOST,
    LOST_SPACE,
    ODD_WORD,
    OTHER,
    class_counts,
    count_solid,
    count_words,
)
from kun_recipes.text.formulas import without_formulas
from kun_recipes.text.lists import translated_lines
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import HAN, encode, is_blank, without_whitespace

WORD = re.compile(rf"[{HAN}{KANA_AND_BOPOMOFO}{LETTERS_AND_DIGITS}]")
LINE = re.compile(r"[^\n。!?]+")
LEAST_MISREAD = 3  # characters of a line that begin a sequence of UTF-8, and that come out of it
MOST_TRANSLATED = 0.6  # of the lines of a phrase book, and more
BOX = re.compile(r"^[ \t]*[□☐☑☒][ \t]*(?=\w)", re.MULTILINE)  # to tick off; elsewhere it is a character that was lost
SYMBOL_RUN = re.compile(r"([^\w])\1+")  # rules of dashes and dotted lines count once


class TooShort(Rule):
    """Drop texts that are too short to mean anything (Kun A.2: length ≤ 4).

    Reads the text `field` names. Reason: "too_short"; the value is the length.

    Args:
        field: which text is read.
        min_characters: fewest characters kept, whitespace not counted; None keeps all but blank texts: no later stage
            reads a row whose text cannot be seen.
    """

    name = "📏 too short"

    def __init__(self, field: str, min_characters: int | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.min_characters = min_characters

    def find(self, text: str) -> Fault | None:
        length = count_solid(text)
        if is_blank(text) or length < (self.min_characters or 0):
            return Fault("too_short", str(length))
        return None


@dataclass(frozen=True)
class MeaninglessSettings:
    """Limits on meaningless characters. None switches a check off.

    Attributes:
        max_unusual_share: highest share of characters that are no Han, kana, letter, digit or symbol in use.
        max_symbol_share: highest share of characters, whitespace not counted, that are no Han, kana, letter or digit.
        max_lost_characters: most replacement, private-use and control characters.
        mojibake: what text looks like that was decoded by the wrong table.
        max_misread: most Han characters in a line that are one in UTF-8 when its bytes in GBK are read so; a share of
            the line, so that 浣犲ソ (你好) is found and 琉璃 is not.
    """

    max_unusual_share: Share | None
    max_symbol_share: Share | None
    max_lost_characters: Count | None
    mojibake: Phrases | None
    max_misread: Share | None


class MeaninglessCharacters(Rule):
    """Drop texts with many meaningless characters (Kun A.2, fourth rule).

    Reads the text `field` names. Reason: "meaningless_characters"; the value is the mojibake found, the number of
    lost characters or the measured share.

    Args:
        field: which text is read.
        settings: what counts as meaningless.
    """

    name = "🌀 meaningless characters"

    def __init__(self, field: str, settings: MeaninglessSettings, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.settings = settings

    def find(self, text: str) -> Fault | None:
        settings, reason = self.settings, "meaningless_characters"
        if settings.mojibake and (match := settings.mojibake.search(text)):
            return Fault(reason, match[0])
        if settings.max_misread is not None and (line := misread(text, settings.max_misread)):
            return Fault(reason, line)
        counts = class_counts(text)
        lost = counts[LOST] + counts[LOST_SPACE]
        if settings.max_lost_characters is not None and lost > settings.max_lost_characters:
            return Fault(reason, f"{lost} lost")
        length = count_solid(text)
        if not length:
            return None
        unusual = (counts[OTHER] + counts[LOST]) / length
        limit = settings.max_unusual_share
        if limit is not None and unusual > limit and (unusual - len(BOX.findall(text)) / length) > limit:
            return Fault(reason, f"{unusual:.2f} unusual")
        limit = settings.max_symbol_share
        if limit is None or (1 - count_words(text) / length <= limit and not counts[ODD_WORD]):
            return None  # runs only make the share of symbols higher, unless they are of what stands among letters
        if (symbols := _symbol_share(text)) > limit and _symbol_share(without_formulas(text)) > limit:
            return Fault(reason, f"{symbols:.2f} symbols")
        return None


def _symbol_share(text: str) -> float:
    packed = SYMBOL_RUN.sub(r"\1", without_whitespace(text))
    return 1 - len(WORD.findall(packed)) / len(packed) if packed else 1.0


class NotChinese(Rule):
    """Drop texts that are mostly not Chinese.

    Reads the text `field` names. Reason: "not_chinese"; the value is the share of Han characters among letters,
    digits, kana and Han characters. Formulas are left out where the text would fall by them.

    Args:
        field: which text is read.
        min_share: lowest share kept; None keeps all. Names, code and formulas in Latin letters lower it.
    """

    name = "🀄 not Chinese"

    def __init__(self, field: str, min_share: float | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.min_share = min_share

    def find(self, text: str) -> Fault | None:
        return not_chinese(text, self.min_share)


def not_chinese(text: str, min_share: float | None) -> Fault | None:
    """Find the fault of a text with a lower share of Han characters, also without its formulas; None allows any."""
    share = han_share(text)
    if (
        min_share is None
        or share >= min_share
        or han_share(without_formulas(text)) >= min_share
        or _is_translated(text)
    ):
        return None
    return Fault("not_chinese", f"{share:.2f}")


def _is_translated(text: str) -> bool:
    """Return whether most lines are a phrase of another language and its meaning, as in a phrase book."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(translated_lines(lines)) > MOST_TRANSLATED * len(lines)


def han_share(text: str) -> float:
    """Return share of Han characters among letters, digits, kana and Han characters."""
    return class_counts(text)[HAN_CHARACTER] / max(count_words(text), 1)


def misread(text: str, max_share: float) -> str | None:
    """Return the first sentence that is UTF-8 read as GBK: written in GBK again, it decodes to Han characters.

    A Han character has three bytes in UTF-8 and makes one and a half in GBK, the first of which begins with its lead
    byte. Such characters are rare in Chinese, and nothing but them is decoded.
    """
    marks = _lead_pairs().take(encode(text))
    if np.count_nonzero(marks) < LEAST_MISREAD:
        return None
    for line in LINE.finditer(text):
        if np.count_nonzero(marks[line.start() : line.end()]) < LEAST_MISREAD:
            continue
        read = line[0].encode("gb18030", "ignore").decode("utf-8", "ignore")
        found = len(re.findall(f"[{HAN}]", read))
        if found >= LEAST_MISREAD and found > max_share * len(line[0]):
            return line[0].strip()
    return None


@lru_cache(maxsize=1)
def _lead_pairs() -> np.ndarray:
    """Return, for each code point, whether its two bytes in GBK can begin a Han character in UTF-8."""
    table = np.zeros(CODE_POINTS, dtype=bool)
    for first in range(0xE4, 0xEA):
        for second in range(0x80, 0xC0):
            character = bytes([first, second]).decode("gbk", "ignore")
            if len(character) == 1:
                table[ord(character)] = True
    return table
