"""The paper's hand-made rules (Kun A.2), one block each, for segments, instructions and answers.

The lists that a stage runs are in `pipelines`; words, phrases and thresholds are data, in `rules/rules.yaml`.
"""

from kun_recipes.rules.characters import MeaninglessCharacters, NotChinese, TooShort
from kun_recipes.rules.endings import CutOff
from kun_recipes.rules.formatting import FormatErrors
from kun_recipes.rules.keywords import LowQualityKeywords, Refusal
from kun_recipes.rules.pipelines import Rules, answer_rules, instruction_rules, load_rules, segment_rules, text_rules
from kun_recipes.rules.repetition import AnswerCopiesPrompt, Repetition
from kun_recipes.rules.sensitive import SensitiveInformation
from kun_recipes.rules.spam import Spam
from kun_recipes.rules.stuffing import KeywordStuffing

__all__ = [
    "AnswerCopiesPrompt",
    "CutOff",
    "FormatErrors",
    "KeywordStuffing",
    "LowQualityKeywords",
    "MeaninglessCharacters",
    "NotChinese",
    "Refusal",
    "Repetition",
    "Rules",
    "SensitiveInformation",
    "Spam",
    "TooShort",
    "answer_rules",
    "instruction_rules",
    "load_rules",
    "segment_rules",
    "text_rules",
]
