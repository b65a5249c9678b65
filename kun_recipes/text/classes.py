"""Kinds of characters: the sets that several steps share, and the class of every code point, to count them at once."""

import re
from functools import lru_cache

import numpy as np

from kun_recipes.text.views import HAN, ZERO_WIDTH, encode, narrow

LINE_BREAKS = "\n\r\v\f\x85\u2028\u2029"
SENTENCE_ENDS = "。！？；…｡"
"""Marks that end a sentence wherever they stand; a half-width full stop also stands in decimals."""

NARROW_SENTENCE_ENDS = "".join(dict.fromkeys(narrow(SENTENCE_ENDS)))
"""The same in narrowed text."""

CLOSING_MARKS = "」』”’）》】〉〕］｝\"')]}"
"""Quotation marks and brackets that may follow the end of a sentence."""

OTHER, HAN_CHARACTER, KANA, LETTER, DIGIT, ODD_WORD, PUNCTUATION, SYMBOL, LOST, SPACE, LOST_SPACE = range(11)
"""Classes: none of the others, Han, kana and bopomofo, Latin Greek and Cyrillic letters, digits, what stands among
kana and letters and is none (the dot in names), punctuation of sentences, other symbols in use, replacement
private-use and control characters, whitespace and zero-width, and whitespace among the control characters."""

WORD_CLASSES = (HAN_CHARACTER, KANA, LETTER, DIGIT, ODD_WORD)
KANA_AND_BOPOMOFO = "\u3040-\u312f\u31f0-\u31ff"
LETTERS_AND_DIGITS = "0-9A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u0370-\u04ff\u1e00-\u1eff\u2070-\u209c\u2150-\u218f"
SYMBOLS_IN_USE = (  # punctuation, currency, letter-like, arrows, mathematics, circled numbers, box lines
    "!-/:-@[-`{-~\u00a1-\u00bf\u00d7\u00f7\u02b0-\u02ff\u0300-\u036f\u2010-\u205e\u20a0-\u20bf\u2100-\u214f"
    "\u2190-\u23ff\u2460-\u257f\u27c0-\u27ff\u2900-\u2aff\u3000-\u303f\u3200-\u33ff\uff5f-\uffee•·"
)
SENTENCE_PUNCTUATION = ",.;:!?\"'()。、；：？！，（）“”‘’《》〈〉「」『』【】〔〕…—·"
LOST_CHARACTERS = "\ufffd\ue000-\uf8ff\U000f0000-\U0010fffd\x00-\x08\x0e-\x1f\x7f-\x9f"
CODE_POINTS = 0x110000


@lru_cache(maxsize=1)
def class_table() -> np.ndarray:
    """Return the class of every code point, uint8 [0x110000]."""
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    for members, kind in (
        (SYMBOLS_IN_USE, SYMBOL),
        (SENTENCE_PUNCTUATION, PUNCTUATION),
        (LETTERS_AND_DIGITS, LETTER),
        ("0-9", DIGIT),
        (KANA_AND_BOPOMOFO, KANA),
        (HAN, HAN_CHARACTER),
        (LOST_CHARACTERS, LOST),
    ):
        table[code_points(members)] = kind
    _mark_odd_words(table)
    spaces = [code for code in range(0x3001) if chr(code).isspace()] + [ord(character) for character in ZERO_WIDTH]
    table[spaces] = np.where(table[spaces] == LOST, LOST_SPACE, SPACE)
    return table


def code_points(members: str) -> np.ndarray:
    """Return the code points of the inside of a character class such as "a-z0-9"."""
    spans = re.findall(r"([\s\S])-([\s\S])|([\s\S])", members)
    return np.concatenate([np.arange(ord(first or only), ord(last or only) + 1) for first, last, only in spans])


def _mark_odd_words(table: np.ndarray) -> None:
    codes = np.flatnonzero((table == KANA) | (table == LETTER)).tolist()
    table[[code for code in codes if not chr(code).isalnum()]] = ODD_WORD


@lru_cache(maxsize=2)
def classes(text: str) -> np.ndarray:
    """Return the class of every character, uint8 [len(text)]."""
    return class_table().take(encode(text))


@lru_cache(maxsize=2)
def pack(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return code points and classes without whitespace; of three or more of the same mark in a row only the first.

    Rules of dashes, dotted lines and columns of zeros are no content; letters and Han characters stay as they are.
    """
    kinds = classes(text)
    solid = kinds < SPACE
    codes, kinds = encode(text)[solid], kinds[solid]
    same = codes[1:] == codes[:-1]
    triple = same[1:] & same[:-1]
    if not triple.any():
        return codes, kinds
    extra = np.zeros(len(codes), dtype=bool)
    extra[1:-1] |= triple
    extra[2:] |= triple
    is_letter = (kinds == HAN_CHARACTER) | ((codes | 0x20) - ord("a") < 26)
    kept = ~extra | is_letter
    return codes[kept], kinds[kept]


@lru_cache(maxsize=2)
def class_counts(text: str) -> list[int]:
    """Return number of characters of each class."""
    return np.bincount(classes(text), minlength=LOST_SPACE + 1).tolist()


def count_solid(text: str) -> int:
    """Return number of characters that are no whitespace."""
    counts = class_counts(text)
    return len(text) - counts[SPACE] - counts[LOST_SPACE]


def count_words(text: str) -> int:
    """Return number of Han characters, kana, letters and digits."""
    counts = class_counts(text)
    return sum(counts[kind] for kind in WORD_CLASSES)
