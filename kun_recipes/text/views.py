"""Views of Chinese text that many steps share: one character width, no whitespace, letters only."""

import re
import unicodedata
from functools import lru_cache

import numpy as np

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af々〇"
"""Han characters, for use inside a character class."""

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
LETTERS = re.compile(r"[^\W_]+")
INVISIBLE = {"Cc", "Cf", "Mn", "Zl", "Zp", "Zs"}
"""Unicode categories that show nothing by themselves: controls, formats, marks on another character, whitespace."""
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that are drawn as nothing."""

WIDE_ONLY = {"　": " ", "｡": "。", "､": "、", "｢": "「", "｣": "」", "￥": "¥"}
NARROW = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | str.maketrans(WIDE_ONLY)


NARROW_CODES = np.arange(0x110000, dtype="<u4")
NARROW_CODES[list(NARROW)] = [ord(character) for character in NARROW.values()]
SHORT = 80  # characters up to which numpy's calls cost more than they save


@lru_cache(maxsize=8)  # a row passes one block after the other: each text is narrowed once
def narrow(text: str) -> str:
    """Return the text with full-width letters, digits and punctuation made half-width, character for character."""
    if len(text) < SHORT:
        return text.translate(NARROW)
    return decode(NARROW_CODES.take(encode(text)))


@lru_cache(maxsize=2)  # of a text and its narrow one
def encode(text: str) -> np.ndarray:
    """Return the code points of the text, lone surrogates too; not to be written to."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def decode(codes: np.ndarray) -> str:
    """Return the text of code points."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def without_whitespace(text: str) -> str:
    """Return the text without blanks, line breaks and zero-width characters."""
    return without_zero_width("".join(text.split()))


def without_zero_width(text: str) -> str:
    """Return the text without zero-width characters."""
    for character in ZERO_WIDTH:
        if character in text:
            text = text.replace(character, "")
    return text


def is_blank(text: str) -> bool:
    """Tell whether nothing of the text can be seen."""
    return all(unicodedata.category(character) in INVISIBLE or character in FILLERS for character in text)


def letters(text: str) -> str:
    """Return the text's letters, digits and Han characters, nothing else."""
    return "".join(LETTERS.findall(text))
