"""Likeness of two short texts by their characters: chrF (Popović 2015), which needs no words and so suits Chinese."""

from collections import Counter

from kun_recipes.text.views import letters

LONGEST = 6
"""Characters of the longest n-gram, as in chrF."""
BETA = 2
"""Recall counts so many times as much as precision, as in chrF."""


def likeness(text: str, reference: str) -> float:
    """Return chrF, 0 to 1: the F-score of character n-grams, precision and recall each a mean over n = 1 to 6.

    Letters alone count, without regard to case. An n that is longer than either text is left out.
    """
    own, wanted = letters(text).lower(), letters(reference).lower()
    shares = [_shares(own, wanted, n) for n in range(1, min(LONGEST, len(own), len(wanted)) + 1)]
    if not shares:
        return 0.0
    precision, recall = (sum(column) / len(shares) for column in zip(*shares, strict=True))
    if not precision + recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _shares(own: str, wanted: str, n: int) -> tuple[float, float]:
    found, there = (Counter(text[start : start + n] for start in range(len(text) - n + 1)) for text in (own, wanted))
    common = (found & there).total()
    return common / found.total(), common / there.total()
