"""Measurements of texts: lengths in tokens, opening words, distinct character n-grams, and the years mentioned."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from kun_recipes.text.views import letters, narrow

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
BINS: Mapping[str, tuple[int, ...]] = {
    "instruction": tuple(range(0, 101, 5)),
    "output": tuple(range(0, 1001, 50)),
}
"""Edges of the histograms, tokens; longer texts are counted in a last bin without an end."""

GRAMS = (1, 2, 3, 4)
TOP_WORDS = 20

DIGITS = dict(zip("零〇○Ｏ一二三四五六七八九", "0000123456789", strict=True)) | {"O": "0"}
YEARS_SHOWN = 20  # Kun figure 8: the last twenty

_YEAR = r"(?:19|20)\d\d"
_NOT_INSIDE = r"(?<![\dA-Za-z¥$€#])(?<!\d[.,:-])"  # of a phone number, price, version or identifier
_NOT_LONG = r"(?!多|余|的?历史|之久|左右的历史)"  # 2000年的历史 is a duration
_WITH_UNIT = re.compile(rf"{_NOT_INSIDE}({_YEAR})(?:\s*年?\s*(?:[-–—~～、]|至|到|和)+\s*({_YEAR}))?\s*年{_NOT_LONG}")
_DATE = re.compile(rf"{_NOT_INSIDE}({_YEAR})([-/.])(?:0?[1-9]|1[0-2])\2(?:3[01]|[12]\d|0?[1-9])(?![\d.-])")
_SPELT = re.compile(r"(?<![零〇○一二三四五六七八九十百千])((?:一九|二[零〇○O])[零〇○O一二三四五六七八九]{2})年")


def length_statistics(counts: Counter, edges: tuple[int, ...]) -> dict[str, Any]:
    """Return mean, extremes, percentiles (nearest rank) and histogram.

    `counts` has the rows of each length, at least one.

    Bin i holds the lengths from edges[i], inclusive, to edges[i + 1], exclusive; the last one all from edges[-1].
    """
    rows = counts.total()
    histogram = [sum(counts[length] for length in range(low, high)) for low, high in pairwise(edges)]
    return {
        "mean": sum(length * count for length, count in counts.items()) / rows,
        "min": min(counts),
        "max": max(counts),
        "median": percentile(counts, 50),
        "percentiles": {str(share): percentile(counts, share) for share in PERCENTILES},
        "bin_edges": list(edges),
        "bin_rows": [*histogram, rows - sum(histogram)],
    }


def percentile(counts: Counter, share: float) -> int:
    """Return the least length that at least `share` percent of the rows do not exceed (nearest rank)."""
    ordered = sorted(counts)
    needed = share / 100 * counts.total()
    sums = accumulate(counts[length] for length in ordered)
    return next(length for length, sum_ in zip(ordered, sums, strict=True) if sum_ >= needed)


def word_statistics(words: Counter, rows: int) -> dict[str, Any]:
    """Return statistics of the words of `rows` instructions.

    These are how many instructions show a word of the lists, how many words there are, their entropy (bits) and the
    top 20.
    """
    found = words.total()
    shares = [count / found for count in words.values()]
    return {
        "rows": found,
        "share": found / rows if rows else 0.0,
        "words": len(words),
        "entropy_bits": abs(-sum(share * math.log2(share) for share in shares)),
        "top": dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:TOP_WORDS]),
    }


def count_letters(texts: Iterable[str], limit: int) -> int:
    """Return letters of the texts together, counted up to `limit`."""
    total = 0
    for text in texts:
        total += len(letters(text))
        if total >= limit:
            return limit
    return total


def distinct_grams(texts: Sequence[str], characters: int) -> dict[str, float]:
    """Return distinct-1 to distinct-4 of the first `characters` letters: different n-grams over all.

    None spans two texts.

    The longer the text, the lower the share: compare sets by the same number of characters.
    """
    seen: dict[int, set[str]] = {n: set() for n in GRAMS}
    totals, left = dict.fromkeys(GRAMS, 0), characters
    for text in texts:
        part = letters(text)[:left]
        left -= len(part)
        for n in GRAMS:
            grams = [part[start : start + n] for start in range(len(part) - n + 1)]
            seen[n].update(grams)
            totals[n] += len(grams)
        if not left:
            break
    return {f"distinct_{n}": len(seen[n]) / totals[n] if totals[n] else 0.0 for n in GRAMS}


def years_in(text: str) -> set[int]:
    """Return the years 1900 to 2099 that the text mentions: 2021年, 2019—2021年, 2021-05-03, 二〇二一年.

    A number alone is not a year, so that telephone numbers, prices and identifiers are not counted.
    """
    text = narrow(text)
    found = {int(year) for match in _WITH_UNIT.finditer(text) for year in match.groups() if year}
    found |= {int(match[1]) for match in _DATE.finditer(text)}
    spelt = ("".join(DIGITS[digit] for digit in match[1]) for match in _SPELT.finditer(text))
    return found | {int(year) for year in spelt}
