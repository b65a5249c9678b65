"""Digits in disguise: Han, circled and mathematical ones, read as 0 to 9 where several stand in a row."""

import re
import unicodedata
from functools import lru_cache

import numpy as np

from kun_recipes.text.classes import CODE_POINTS
from kun_recipes.text.disguise import HAN_DIGITS
from kun_recipes.text.views import encode

SPOKEN = {"幺": "1"}  # of digits that are said one by one
BLOCKS = (range(0x00B2, 0x00BA), range(0x2070, 0x208A), range(0x2460, 0x2800), range(0x1D7CE, 0x1D800))
OTHER_DIGITS = {
    chr(code): str(value)
    for block in BLOCKS
    for code in block
    if (value := unicodedata.digit(chr(code), None)) is not None
}
DISGUISES = HAN_DIGITS | SPOKEN | OTHER_DIGITS
TABLE = str.maketrans(DISGUISES)
ANY_DISGUISE = f"[{''.join(DISGUISES)}]"
ANY_DIGIT = f"[0-9{''.join(DISGUISES)}]"
PLAIN, DISGUISED = 1, 2
SEPARATORS = r"[-–—. ·_]{0,3}"
RUN = re.compile(rf"{ANY_DIGIT}(?:{SEPARATORS}{ANY_DIGIT}){{4,}}")
"""Five digits or more: 二〇二三 is a year and ①②③ are items, but 一三八零零零零一一一一 is a number."""
DIGITS_IN_RUN, LONGEST_START = 5, 17
"""The first digits of a run, and the most characters in which they stand."""


def plain_digits(text: str) -> str:
    """Return the text with the digits of every long run as 0 to 9, character for character."""
    return RUN.sub(lambda match: match[0].translate(TABLE), text) if _may_hide_digits(text) else text


def _may_hide_digits(text: str) -> bool:
    """Return whether five digits stand close together, one of them in disguise; no run with a disguise is without."""
    kinds = _kinds().take(encode(text))
    places = kinds.nonzero()[0]
    close = places[DIGITS_IN_RUN - 1 :] - places[: 1 - DIGITS_IN_RUN] < LONGEST_START
    if not close.any():
        return False
    hidden = np.flatnonzero(kinds[places] == DISGUISED)
    return any(close[max(0, place + 1 - DIGITS_IN_RUN) : place + 1].any() for place in hidden.tolist())


@lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    """For each code point whether it is a digit, and in disguise."""
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    table[list(map(ord, "0123456789"))] = PLAIN
    table[list(map(ord, DISGUISES))] = DISGUISED
    return table
