"""Letters of a text as numbers, and its n-grams by hash: what two copies of a text share, and what one says again.

The letters are letters, digits and Han characters, in one character width (NFKC) and in lower case; punctuation,
symbols, blanks and line breaks are left out. Near duplicates and quotes of evaluation questions are found by the
n-grams of these, however they are set.
"""

import unicodedata
from functools import lru_cache

import numpy as np

from kun_recipes.text.classes import CODE_POINTS
from kun_recipes.text.views import encode

NORMALISED_PLANES = ((0, 0x20000), (0x2F800, 0x2FA20))  # everything but the rare Han, which stand for themselves
RARE_HAN = slice(0x20000, 0x323B0)
SPREAD = 0x9E3779B97F4A7C15  # odd, so that no code is lost; 2^64 divided by the golden ratio (Knuth)
BASE = 0xD6E8FEB86659FD93
WORD_BITS = 64


def letter_codes(text: str) -> np.ndarray:
    """Return the code points of the text's letters, uint32."""
    codes = letters_in_place(text)
    return codes[codes != 0]


def letters_in_place(text: str) -> np.ndarray:
    """Return the letter that every character stands for, 0 for none, uint32 [len(text)]."""
    return letter_table().take(encode(text))


@lru_cache(maxsize=1)
def letter_table() -> np.ndarray:
    """Return the letter that every code point stands for, 0 for those without one, uint32 [0x110000].

    One that stands for several (℃, №, ㎏) counts as the first of them. Takes a tenth of a second to make.
    """
    table = np.zeros(CODE_POINTS, dtype=np.uint32)
    table[RARE_HAN] = np.arange(RARE_HAN.start, RARE_HAN.stop)
    for first, end in NORMALISED_PLANES:
        table[first:end] = [_letter(chr(code)) for code in range(first, end)]
    return table


def _letter(character: str) -> int:
    plain = unicodedata.normalize("NFKC", character).lower()
    return next((ord(letter) for letter in plain if letter.isalnum()), 0)


def gram_hashes(codes: np.ndarray, n: int) -> np.ndarray:
    """Return a hash of every n-gram of code points, uint64 [len(codes) - n + 1].

    The hashes are polynomials, put together by doubling.
    """
    block, size = codes.astype(np.uint64) * np.uint64(SPREAD), 1
    hashes: np.ndarray | None = None
    done = 0
    while True:
        if n & size:
            hashes = block if hashes is None else _join(hashes, block[done:], size)
            done += size
        if hashes is not None and 2 * size > n:
            return hashes
        block, size = _join(block, block[size:], size), 2 * size


def repeats(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places where n-grams occur again: pairs of starts of an earlier and the next occurrence, unordered.

    By hash: one pair per 10^8 texts of a thousand characters is false. Verify a pair before a decision depends on it.
    """
    if len(codes) <= n:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    hashes = gram_hashes(codes, n)
    places = np.uint64((1 << len(hashes).bit_length()) - 1)
    hashes &= ~places
    hashes |= np.arange(len(hashes), dtype=np.uint64)
    hashes.sort()  # one sort gives hash and place
    again = ((hashes[1:] ^ hashes[:-1]) <= places).nonzero()[0]
    return (hashes[again] & places).astype(np.int64), (hashes[again + 1] & places).astype(np.int64)


def covered(starts: np.ndarray, n: int) -> int:
    """Return number of characters that stand in the n-grams at these starts, different and in any order."""
    if len(starts) < 2:
        return n * len(starts)
    starts = np.sort(starts)
    return int(np.minimum(starts[1:] - starts[:-1], n).sum()) + n


def _join(first: np.ndarray, second: np.ndarray, length: int) -> np.ndarray:
    """Return hashes of grams that are put together of two; `length` is that of the second."""
    joined = first[: len(first) - length] * _power(length)
    joined += second[: len(joined)]
    return joined


@lru_cache
def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(BASE, exponent, 1 << WORD_BITS))
