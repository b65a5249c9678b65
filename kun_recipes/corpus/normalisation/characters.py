"""Characters one by one, then blanks and lines: no controls, one width, one blank between words, no trailing ones."""

import re
import unicodedata

import numpy as np

from kun_recipes.text.classes import CODE_POINTS, LINE_BREAKS
from kun_recipes.text.views import HAN, ZERO_WIDTH, decode, encode

DELETED = CODE_POINTS  # stands for "no character"
JOINER = 0x200D
BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
CONTROLS = (*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0))
# More than ZERO_WIDTH, which rules leave out: soft hyphens, fillers and marks of direction too.
INVISIBLE = (*map(ord, ZERO_WIDTH), 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x200E, 0x200F)
INVISIBLE += (*range(0x202A, 0x202F), *range(0x2061, 0x2070), 0x3164, 0xFFA0, *range(0xFFF9, 0xFFFC))
NO_CHARACTERS = (*range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF)
FULL_WIDTH = (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))  # digits and letters
EMOJI = ((0x2190, 0x2BFF), (0x3030, 0x303D), (0xFE0F, 0xFE0F), (0x1F000, 0x1FAFF))  # what a joiner may stand between


def _table() -> np.ndarray:
    table = np.arange(CODE_POINTS, dtype="<u4")
    table[list(map(ord, LINE_BREAKS))] = ord("\n")
    table[[code for code in (*CONTROLS, *INVISIBLE, *NO_CHARACTERS) if chr(code) not in LINE_BREAKS]] = DELETED
    return table


def _prose_table() -> np.ndarray:
    table = SAFE.copy()
    table[list(map(ord, BLANKS))] = ord(" ")
    table[list(FULL_WIDTH)] = np.array(FULL_WIDTH) - 0xFEE0
    return table


SAFE = _table()
PROSE = _prose_table()


def composed(text: str) -> str:
    """Return the text in NFC."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def without_controls(text: str) -> str:
    r"""Return the text with \n as line end, without controls, zero-width characters, direction marks and surrogates.

    Emoji stay joined.
    """
    return _mapped(text, SAFE)


def in_one_width(text: str) -> str:
    """Return the text as `without_controls`, with half-width letters and digits and plain blanks.

    Punctuation is unchanged.
    """
    return _mapped(text, PROSE)


def _mapped(text: str, table: np.ndarray) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    codes = encode(text)
    mapped = table.take(codes)
    if np.array_equal(mapped, codes):
        return text
    if (joiners := (codes == JOINER).nonzero()[0]).size:
        kept = joiners[(joiners > 0) & (joiners < len(codes) - 1)]
        kept = kept[_is_emoji(codes[kept - 1]) & _is_emoji(codes[kept + 1])]
        mapped[kept] = JOINER
    return decode(mapped[mapped != DELETED])


def _is_emoji(codes: np.ndarray) -> np.ndarray:
    return np.logical_or.reduce([(codes >= first) & (codes <= last) for first, last in EMOJI])


BLANK_RUN = re.compile(r"(?<=[^ \t])[ \t]{2,}")
BLANK_LINES = re.compile(r"\n{3,}")
PROSE_LINE = re.compile(rf"[ \t]+(?=[{HAN}“”‘’「『《【〈（，。、；：？！…—])")  # indented for the eye, unlike code
INDENTATION = re.compile("^[ \t\xa0]*\u3000[ \t\xa0\u3000]*", re.MULTILINE)
SIGNS = ("\t", "  ", " \n", "\n ", "\n\n\n")


def tidy(text: str) -> str:
    """Return one piece of prose with normalised blanks. Leading blanks stay where they may indent code."""
    if any(sign in text for sign in SIGNS) or text[:1] == " " or text[-1:] == " ":
        text = "\n".join(map(_tidy_line, text.split("\n")))
    return BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def without_indentation(text: str) -> str:
    """Return the text without ideographic blanks before its lines."""
    return INDENTATION.sub("", text) if "\u3000" in text else text


def _tidy_line(line: str) -> str:
    line = line.rstrip(" \t")
    if line[:1] in (" ", "\t"):
        line = PROSE_LINE.sub("", line, count=1) if PROSE_LINE.match(line) else line
    return BLANK_RUN.sub(_one_blank, line) if "  " in line or "\t" in line else line


def _one_blank(run: re.Match[str]) -> str:
    """Return a tab where the run has one, since it parts columns."""
    return "\t" if "\t" in run[0] else " "
