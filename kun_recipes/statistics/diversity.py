"""How varied texts are: the words that instructions open with, and distinct character n-grams (Li et al. 2016)."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kun_recipes.text.views import letters

GRAMS = (1, 2, 3, 4)
TOP_WORDS = 20


def word_statistics(words: Counter, rows: int) -> dict[str, Any]:
    """Of `rows` instructions: how many show a word of the lists, how many words, their entropy (bits), the top 20."""
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
    """Letters of the texts together, counted up to `limit`."""
    total = 0
    for text in texts:
        total += len(letters(text))
        if total >= limit:
            return limit
    return total


def distinct_grams(texts: Sequence[str], characters: int) -> dict[str, float]:
    """distinct-1 to distinct-4 of the first `characters` letters: different n-grams over all; none spans two texts.

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
