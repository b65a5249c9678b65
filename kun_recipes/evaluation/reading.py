"""The letter that a written answer means, read in two ways: a score of 25 may be a model that answers otherwise."""

import re
import unicodedata

from kun_recipes.evaluation.benchmarks import LETTERS

STANDING = re.compile(rf"(?<![A-Za-z0-9])[{''.join(LETTERS)}](?![A-Za-z0-9])")


def strict_letter(text: str) -> str:
    """The first capital letter anywhere, as OpenCompass reads it; "" where there is none.

    It may be none of A to D, and is wrong then.
    """
    return next((letter for letter in text if letter.isupper()), "")


def lenient_letter(text: str) -> str:
    """The first of A to D that stands as an option, by itself between other characters; "" where none does."""
    found = STANDING.search(unicodedata.normalize("NFKC", text))
    return found[0] if found else ""
