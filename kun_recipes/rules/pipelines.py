"""The rules file, and the rules as the stages run them: a list each for segments, instructions and answers (Kun A.2).

YAML in, frozen dataclasses out, and no key goes unread.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Count, PerText, Share, TextKind
from kun_recipes.data import schema
from kun_recipes.privacy import load_privacy
from kun_recipes.rules.characters import MeaninglessCharacters, MeaninglessSettings, NotChinese, TooShort
from kun_recipes.rules.endings import CutOff
from kun_recipes.rules.formatting import FormatDebris, FormatErrors, FormatLimits
from kun_recipes.rules.keywords import KeywordList, LowQualityKeywords, Refusal
from kun_recipes.rules.repetition import AnswerCopiesPrompt, Repetition, RepetitionSettings
from kun_recipes.rules.rule import Rule
from kun_recipes.rules.sensitive import SensitiveInformation, SensitiveSettings
from kun_recipes.rules.stuffing import KeywordStuffing, StuffingSettings
from kun_recipes.text.phrases import Phrases

DEFAULT_RULES = "rules.yaml"
Removed = Callable[[str], DiskWriter | None]
"""The exclusion writer for a block's name, such as "repetition"."""


@dataclass(frozen=True)
class Rules:
    """The rules file; each field is explained there, and in the block that reads it."""

    too_short: PerText[Count | None]
    not_chinese: PerText[Share | None]
    sensitive_information: SensitiveSettings
    repetition: RepetitionSettings
    meaningless_characters: MeaninglessSettings
    keywords: PerText[tuple[KeywordList, ...]]
    keyword_stuffing: StuffingSettings
    refusal: Phrases | None
    format_debris: FormatDebris
    format_limits: PerText[FormatLimits]
    closing_lines: re.Pattern[str] | None
    max_open_length: PerText[Count | None]
    min_added_by_answer: Count | None


def load_rules(path: str | Path | None = None) -> Rules:
    """Read a rules file; None reads the package's own. Raises UserError, naming the file and the key."""
    rules = load_typed(files("kun_recipes.rules") / DEFAULT_RULES if path is None else Path(path), Rules)
    load_privacy(rules.sensitive_information.detectors)  # reports a fault there before a model is loaded
    return rules


def segment_rules(rules: Rules, removed: Removed) -> list[PipelineStep]:
    """Return the rules on segments, which become answers or their background (§3.1).

    Sensitive information is not dropped there but masked: `kun_recipes.privacy`.
    """
    return [
        *_quality_rules(rules, removed, "segment", schema.TEXT, None),
        KeywordStuffing(schema.TEXT, rules.keyword_stuffing, removed("keyword_stuffing")),
    ]


def instruction_rules(rules: Rules, removed: Removed) -> list[BaseFilter]:
    """Return the rules on candidate instructions, which the label model wrote (§3.2)."""
    text = schema.INSTRUCTION
    return [
        SensitiveInformation(text, rules.sensitive_information, removed("sensitive_information")),
        *_quality_rules(rules, removed, "instruction", text, schema.INSTRUCTION_FINISH),
    ]


def answer_rules(rules: Rules, removed: Removed, polished: bool = True) -> list[BaseFilter]:
    """Return the rules on answers (§3.3): the same for those that the primary chat model wrote and for raw segments.

    Args:
        polished: whether a model wrote them, so that the row says whether it ran out of tokens.
    """
    text = schema.OUTPUT
    return [
        SensitiveInformation(text, rules.sensitive_information, removed("sensitive_information")),
        *_quality_rules(rules, removed, "answer", text, schema.OUTPUT_FINISH if polished else None),
        AnswerCopiesPrompt(rules.min_added_by_answer, removed("answer_copies_prompt")),
    ]


def text_rules(rules: Rules, kind: TextKind) -> list[Rule]:
    """Return the rules on one text alone, to ask of an instruction or an answer that is in no pipeline."""
    blocks = (
        instruction_rules(rules, lambda _: None)
        if kind == "instruction"
        else answer_rules(rules, lambda _: None, polished=False)
    )
    return [block for block in blocks if isinstance(block, Rule)]


def _quality_rules(rules: Rules, removed: Removed, kind: TextKind, text: str, finish: str | None) -> list[BaseFilter]:
    """Return the rules that every text is held to, each with the settings for its kind.

    Args:
        text: column of the text.
        finish: column of the reason for which its model stopped; None where no model wrote it.
    """
    return [
        Repetition(text, rules.repetition, removed("repetition")),
        TooShort(text, rules.too_short.of(kind), removed("too_short")),
        MeaninglessCharacters(text, rules.meaningless_characters, removed("meaningless_characters")),
        NotChinese(text, rules.not_chinese.of(kind), removed("not_chinese")),
        LowQualityKeywords(text, rules.keywords.of(kind), removed("low_quality_keywords")),
        Refusal(text, rules.refusal, removed("refusal")),
        FormatErrors(text, rules.format_debris, rules.format_limits.of(kind), removed("format_errors")),
        CutOff(text, rules.max_open_length.of(kind), rules.closing_lines, finish, removed("cut_off")),
    ]
