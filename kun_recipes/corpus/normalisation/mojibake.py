"""Find the lines that ftfy could repair.

ftfy reads a line as bytes of a one-byte encoding and decodes them as UTF-8. So it can only act where one character
stands for the first byte of a UTF-8 sequence and the next for a byte that continues it, where there are controls of
the C1 block, or where surrogates or terminal escapes are left. Looking for these is fifty times faster than ftfy.
"""

import re

import ftfy.bad_codecs  # registers the "sloppy" encodings  # noqa: F401
import numpy as np
from ftfy.chardata import CHARMAP_ENCODINGS, UTF8_CLUES

from kun_recipes.text.classes import CODE_POINTS
from kun_recipes.text.views import encode

LEAD_BYTES = range(0xC0, 0xF5)
BLANK_AFTER = b"\xc2\xc3\xc5\xce\xd0\xd9\xe2\xe3\xf0"  # after these ftfy takes a blank for a lost A0
NEXT_BYTES = (*range(0x80, 0xC0), *b"?\x1a")  # ftfy takes ? and the replacement character for lost bytes
ENCODINGS = len(CHARMAP_ENCODINGS)
INCONSISTENT = 1 << 2 * ENCODINGS  # the classes by which ftfy finds sequences in lines of mixed encodings


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return, for each code point, bit masks of the encodings in which it begins or continues a sequence."""
    first, following = np.zeros(CODE_POINTS, dtype=np.uint32), np.zeros(CODE_POINTS, dtype=np.uint32)
    for number, encoding in enumerate(CHARMAP_ENCODINGS):
        for table, bytes_, bit in (
            (first, LEAD_BYTES, number),
            (first, BLANK_AFTER, ENCODINGS + number),
            (following, NEXT_BYTES, number),
            (following, b" ", ENCODINGS + number),
        ):
            for byte in bytes_:
                table[ord(bytes([byte]).decode(encoding))] |= 1 << bit
    following[ord("\ufffd")] |= (1 << ENCODINGS) - 1
    for name, characters in UTF8_CLUES.items():
        table = first if name.startswith("utf8_first") else following
        table[[ord(character) for character in _expanded(characters)]] |= INCONSISTENT
    return first, following


def _expanded(members: str) -> str:
    """Return the characters of a class that is written with ranges."""
    return "".join(
        "".join(map(chr, range(ord(span[0]), ord(span[-1]) + 1))) for span in re.findall(r".-.|.", members, re.DOTALL)
    )


FIRST, FOLLOWING = _tables()
IS_FIRST = FIRST != 0
IS_SINGLE = np.zeros(CODE_POINTS, dtype=bool)  # what ftfy acts on by itself: escapes, the C1 block, surrogates
IS_SINGLE[[0x1B, *range(0x80, 0xA0), *range(0xD800, 0xE000)]] = True


def may_be_mojibake(text: str) -> bool:
    """Return whether ftfy could change anything in the text."""
    if text.isascii():
        return "\x1b" in text
    codes = encode(text)
    places = IS_FIRST.take(codes[:-1]).nonzero()[0]
    pairs = FIRST.take(codes[places]) & FOLLOWING.take(codes[places + 1])
    return bool(pairs.any()) or bool(IS_SINGLE.take(codes).any())
