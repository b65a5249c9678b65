"""Digits in disguise: Han, circled and mathematical ones, read as 0 to 9 where several stand in a row."""

import re
import unicodedata
from functools import lru_cache

import numpy as np

from kun_recipes.text.classes import CODE_POINTS
from kun_recipes.text.disguise import HAN_DIGITS
from kun_recipes.text.views import decode, encode

SPOKEN = {"幺": "1"}  # of digits that are said one by one
BLOCKS = (range(0x00B2, 0x00BA), range(0x2070, 0x208A), range(0x2460, 0x2800), range(0x1D7CE, 0x1D800))
OTHER_DIGITS = {
    chr(code): str(value)
    for block in BLOCKS
    for code in block
    if (value := unicodedata.digit(chr(code), None)) is not None
}
DISGUISES = HAN_DIGITS | SPOKEN | OTHER_DIGITS
SEPARATORS = "-–—. ·_"
SEPARATOR, PLAIN, DISGUISED = 1, 2, 3
"""Kinds of characters; all others are 0."""

RUN = re.compile(rb"[\x02\x03](?:\x01{0,3}[\x02\x03]){4,}")
"""Five digits or more: 二〇二三 is a year and ①②③ are items, but 一三八零零零零一一一一 is a number."""
DIGITS_IN_RUN, LONGEST_START = 5, 17
"""The first digits of a run, and the most characters in which they stand."""


def plain_digits(text: str) -> str:
    """Return the text with the digits of every long run as 0 to 9, character for character."""
    kinds, plain = _tables()
    codes = encode(text)
    runs = [run.span() for run in RUN.finditer(kinds.take(codes).tobytes())]
    if not runs:
        return text
    codes = codes.copy()
    for start, end in runs:
        codes[start:end] = plain.take(codes[start:end])
    return decode(codes)


def close_digits(text: str) -> int:
    """Return 0 where no five digits stand so close together as in a run, `DISGUISED` if some do with one in disguise.

    `PLAIN` is returned otherwise. A quick look, by which most texts are done with.
    """
    kinds = _tables()[0].take(encode(text))
    places = (kinds > SEPARATOR).nonzero()[0]
    close = places[DIGITS_IN_RUN - 1 :] - places[: 1 - DIGITS_IN_RUN] < LONGEST_START
    if not close.any():
        return 0
    hidden = kinds.take(places) == DISGUISED
    if not hidden.any():
        return PLAIN
    among = np.logical_or.reduce([hidden[first : first + len(close)] for first in range(DIGITS_IN_RUN)])
    return DISGUISED if (close & among).any() else PLAIN


@lru_cache(maxsize=1)
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return, for each code point, its kind and the digit that it stands for."""
    kinds, plain = np.zeros(CODE_POINTS, dtype=np.uint8), np.arange(CODE_POINTS, dtype="<u4")
    kinds[list(map(ord, SEPARATORS))] = SEPARATOR
    kinds[list(map(ord, "0123456789"))] = PLAIN
    kinds[list(map(ord, DISGUISES))] = DISGUISED
    plain[list(map(ord, DISGUISES))] = list(map(ord, DISGUISES.values()))
    return kinds, plain
