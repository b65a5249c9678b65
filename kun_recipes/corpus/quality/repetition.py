"""Drop documents that repeat lines, paragraphs or character n-grams."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.corpus.quality.settings import RepetitionLimits
from kun_recipes.data import schema
from kun_recipes.rules.repetition import is_reference
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.classes import count_solid, pack
from kun_recipes.text.grams import covered, gram_hashes, repeats
from kun_recipes.text.views import decode

BUCKETS = 4096  # for a first count of n-grams: about one of a window's in each


class DocumentRepetition(Rule):
    """Drop documents that repeat themselves (Rae et al. 2021, in characters instead of words).

    Reads the text. Reason: "repetition"; the value is the measured share and what it is a share of. n-grams are
    counted in windows at the start, in the middle and at the end: a long document repeats names and phrases because it
    is long, and a page may be sound but for its last third.
    """

    name = "🔁 document repetition"

    def __init__(self, limits: RepetitionLimits, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.limits = limits

    def find(self, text: str) -> Fault | None:
        found = self._lines(text) or self._ngrams(text)
        return Fault("repetition", found) if found and not is_reference(text, self.limits.min_names) else None

    def _lines(self, text: str) -> str | None:
        limits, lines = self.limits, content_lines(text)
        duplicates = _duplicates(lines)
        if duplicates:
            if exceeds(share := len(duplicates) / len(lines), limits.max_duplicate_line_share):
                return f"{share:.2f} of the lines"
            share = sum(map(len, duplicates)) / count_solid(text)
            if exceeds(share, limits.max_duplicate_line_characters_share):
                return f"{share:.2f} in duplicate lines"
        if "\n\n" in text:
            paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph]
            share = len(_duplicates(paragraphs)) / max(len(paragraphs), 1)
            if exceeds(share, limits.max_duplicate_paragraph_share):
                return f"{share:.2f} of the paragraphs"
        return None

    def _ngrams(self, text: str) -> str | None:
        limits = self.limits
        codes, _ = pack(text)
        if len(codes) < limits.min_measured:
            return None
        for window in windows(codes, limits.window):
            if limits.max_top_ngram_share is not None:
                times, gram = top_ngram(window, limits.top_ngram, limits.max_top_ngram_share)
                if exceeds(share := times * limits.top_ngram / len(window), limits.max_top_ngram_share):
                    return f"{share:.2f} is {gram}"
            if limits.max_ngram_share is not None:
                share = covered(repeats(window, limits.ngram)[1], limits.ngram) / len(window)
                if exceeds(share, limits.max_ngram_share):
                    return f"{share:.2f} in duplicate {limits.ngram}-grams"
        return None


@lru_cache(maxsize=1)
def content_lines(text: str) -> list[str]:
    """Return the lines of a document that are not blank."""
    return [line for line in text.split("\n") if line and not line.isspace()]


def exceeds(share: float, limit: float | None) -> bool:
    return limit is not None and share > limit


def windows(codes: np.ndarray, length: int) -> Iterator[np.ndarray]:
    """Start, middle and end of a document; all of it where they would meet."""
    if len(codes) <= 3 * length:
        yield codes
        return
    middle = (len(codes) - length) // 2
    for start in (0, middle, len(codes) - length):
        yield codes[start : start + length]


def top_ngram(codes: np.ndarray, n: int, share: float) -> tuple[int, str]:
    """Return the count of the most frequent n-gram and the n-gram; (0, "") where no n-gram can reach that share."""
    hashes = gram_hashes(codes, n)
    least = share * len(codes) / n
    if np.bincount((hashes >> np.uint64(52)).astype(np.int64), minlength=BUCKETS).max() <= least:
        return 0, ""
    _, starts, counts = np.unique(hashes, return_index=True, return_counts=True)
    start = starts[counts == counts.max()].min()
    return int(counts.max()), decode(codes[start : start + n])


def _duplicates(texts: Sequence[str]) -> list[str]:
    """Return the texts that equal an earlier one."""
    if len(set(texts)) == len(texts):
        return []
    seen: set[str] = set()
    repeated = []
    for text in texts:
        if text in seen:
            repeated.append(text)
        seen.add(text)
    return repeated
