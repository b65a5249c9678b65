"""A classifier of junk by character n-grams, for what no list of phrases has: logistic regression on hashed n-grams.

`python benchmarks/spam.py --write` trains its weights, spam.npz, on our labelled rows; scoring needs numpy alone.
"""

from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.disguise import undisguised
from kun_recipes.text.grams import gram_hashes, letter_codes

WEIGHTS = "spam.npz"
NGRAMS = (1, 2, 3)  # of letters, digits and Han characters: punctuation and blanks hide nothing
BUCKET_BITS = 15
MIDDLE = 0.5  # the score that 1% of the used good rows exceed, by weights that were trained without them


class Spam(Rule):
    """Drop texts that read like advertisements, search-engine pages, templates, gambling or adult offers.

    Reads the text `field` names. Reason: "spam"; the value is the score.

    Args:
        field: which text is read.
        max_score: highest score kept, from 0 to 1; None keeps all.
    """

    name = "🥫 spam"

    def __init__(self, field: str, max_score: float | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.max_score = max_score

    def find(self, text: str) -> Fault | None:
        if self.max_score is None:
            return None
        score = spam_score(text)
        return Fault("spam", f"{score:.2f}") if score > self.max_score else None


def spam_score(text: str) -> float:
    """Return how similar a narrowed text is to junk, from 0 to 1."""
    weights, intercept = _weights()
    buckets = spam_features(text)
    margin = weights[buckets].sum() / max(np.sqrt(len(buckets)), 1) + intercept
    return float(1 / (1 + np.exp(-margin)))


def spam_features(text: str) -> np.ndarray:
    """Return the buckets of a text's n-grams, each once, int64."""
    codes = letter_codes(undisguised(text))
    hashes = [gram_hashes(codes, n) for n in NGRAMS if len(codes) >= n]
    if not hashes:
        return np.empty(0, np.int64)
    return np.unique((np.concatenate(hashes) >> np.uint64(64 - BUCKET_BITS)).astype(np.int64))


@lru_cache(maxsize=1)
def _weights() -> tuple[np.ndarray, float]:
    """Return a weight per bucket, float32, and the intercept."""
    with as_file(files("kun_recipes.rules") / WEIGHTS) as path, np.load(path, allow_pickle=False) as stored:
        return stored["weights"].astype(np.float32), float(stored["intercept"])
