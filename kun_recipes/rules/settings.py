"""The rules file: YAML in, frozen dataclasses out, and no key goes unread."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import PerText
from kun_recipes.rules.characters import MeaninglessSettings
from kun_recipes.rules.formatting import FormatDebris, FormatLimits
from kun_recipes.rules.keywords import KeywordList
from kun_recipes.rules.repetition import RepetitionSettings
from kun_recipes.rules.sensitive import SensitiveSettings
from kun_recipes.text.phrases import Phrases

DEFAULT_RULES = "rules.yaml"


@dataclass(frozen=True)
class Rules:
    """The rules file; each field is explained there, and in the block that reads it."""

    too_short: PerText[int | None]
    not_chinese: PerText[float | None]
    sensitive_information: SensitiveSettings
    repetition: RepetitionSettings
    meaningless_characters: MeaninglessSettings
    keywords: PerText[tuple[KeywordList, ...]]
    refusal: Phrases | None
    format_debris: FormatDebris
    format_limits: PerText[FormatLimits]
    closing_lines: re.Pattern[str] | None
    max_open_length: PerText[int | None]
    min_added_by_answer: int | None


def load_rules(path: str | Path | None = None) -> Rules:
    """Read a rules file; None reads the package's own. Raises UserError, naming the file and the key."""
    return load_typed(files("kun_recipes.rules") / DEFAULT_RULES if path is None else Path(path), Rules)
