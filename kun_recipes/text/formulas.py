"""Formulas in text."""

import re
from functools import lru_cache

from kun_recipes.text.views import HAN

MARKED = re.compile(  # LaTeX: $…$, $$…$$, \\(…\\), \\[…\\], environments
    r"\$\$[^$]{1,2000}\$\$|\$[^$\n]{1,500}\$|\\\([\s\S]{1,500}?\\\)|\\\[[\s\S]{1,2000}?\\\]"
    r"|\\begin\{(\w{1,20}\*?)\}[\s\S]{1,2000}?\\end\{\1\}"
)
RUN = re.compile(rf"[^{HAN},。;:、!?()\s](?:[^{HAN}。;、!?\n]*[^{HAN},。;:、!?\s])?")
OPERATOR = re.compile(r"[=<>≤≥≠≈±×÷·∈⊂∪∩√∑∫∞→↑↓≡∝⊥∥△∠²³′]|[0-9A-Za-z)][+^/][0-9A-Za-z(]|\\[a-z]{2}")
NAMES = "(?:arc)?(?:sin|cos|tan|cot|lim|log|max|min|exp|mod|rad|deg)"
WORD = re.compile(rf"(?<![\\A-Za-z])(?!{NAMES}(?![A-Za-z]))[A-Z]?[a-z]{{3,}}|[A-Z]{{4,}}")  # FeSO4 is not a word


@lru_cache(maxsize=2)  # several rules ask for the same text
def without_formulas(text: str) -> str:
    """Return the narrowed text without LaTeX and without runs of signs that have an operator and no word."""
    text = MARKED.sub(" ", text)
    return RUN.sub(lambda run: " " if OPERATOR.search(run[0]) and not WORD.search(run[0]) else run[0], text)
