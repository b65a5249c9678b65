"""Rules on whole documents: drop those that are not text, not Chinese, or nothing but advertisements.

Phrases and thresholds are data, in `corpus/quality.yaml`; the rules on segments are in `kun_recipes.rules`.
"""

from kun_recipes.corpus.quality.cutting import CutLines
from kun_recipes.corpus.quality.repetition import DocumentRepetition
from kun_recipes.corpus.quality.rules import DocumentCharacters, DocumentKeywords, DocumentLines, document_rules
from kun_recipes.corpus.quality.settings import QualitySettings, load_quality

__all__ = [
    "CutLines",
    "DocumentCharacters",
    "DocumentKeywords",
    "DocumentLines",
    "DocumentRepetition",
    "QualitySettings",
    "document_rules",
    "load_quality",
]
