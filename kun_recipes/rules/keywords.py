"""Low-quality keywords and refusals, each matched with its context (Kun A.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.types import Count
from kun_recipes.rules.rule import Fault, Rule
from kun_recipes.text.disguise import undisguised
from kun_recipes.text.phrases import PhraseLists, Phrases


@dataclass(frozen=True)
class KeywordList:
    """Phrases that make a text low-quality.

    Attributes:
        reason: name under which the text is dropped.
        min_hits: different patterns that must be found, each in whatever words; 1 where one is enough.
        patterns: the phrases.
        spared_by: words of texts about the matter; a text with `min_sparing` different ones of them stays.
        min_sparing: see there.
        beside: signs of an offer, one of which must also stand in the text; None: no such sign is needed.
    """

    reason: str
    min_hits: Count
    patterns: Phrases
    spared_by: Phrases | None = None
    min_sparing: Count = 2
    beside: Phrases | None = None

    def spares(self, text: str) -> bool:
        """Return whether the text is not an offer but discusses the subject: a warning, news, the law."""
        if self.beside is not None and not self.beside.search(text):
            return True
        return self.spared_by is not None and len({m[0] for m in self.spared_by.finditer(text)}) >= self.min_sparing


class LowQualityKeywords(Rule):
    """Drop texts with low-quality keywords (Kun A.2, fifth rule).

    Reads the text `field` names. Reasons are those of the lists: in rules.yaml "low_quality_keyword", "spam",
    "gambling", "adult", "template" and "navigation" for segments, "missing_context" for instructions, "meta_talk" for
    answers. The value is the phrases found. They are also looked for behind disguises (薇信, 注 册, 賭場):
    kun_recipes/text/disguise.py.

    The released scripts match bare words (news, picture, article, 2023) and drop many good texts with them; phrases
    here are regular expressions with the context that makes the word a fault.

    Args:
        field: which text is read.
        lists: phrases by reason, tried in order.
    """

    name = "🗑 low-quality keywords"

    def __init__(self, field: str, lists: Sequence[KeywordList], exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.lists = tuple(lists)
        self._phrases = PhraseLists([one.patterns for one in self.lists], [one.min_hits for one in self.lists])

    def find(self, text: str) -> Fault | None:
        view = undisguised(text)
        return self._find(text) or (self._find(view) if view != text else None)

    def _find(self, text: str) -> Fault | None:
        for number, possible in self._phrases.possible(text):
            keywords, hits = self.lists[number], dict[re.Pattern[str], str]()
            for match in keywords.patterns.finditer(text, possible):
                hits.setdefault(match.re, match[0].strip())
                if len(hits) >= keywords.min_hits and not keywords.spares(text):
                    return Fault(keywords.reason, " / ".join(hits.values()))
        return None


class Refusal(Rule):
    """Drop texts in which a model refuses (Kun A.2, sixth rule).

    Reads the text `field` names. Reason: "refusal"; the value is the words of the refusal. A text about apologies, a
    letter that apologises and a quoted refusal stay.

    Args:
        field: which text is read.
        patterns: how a refusal is worded; None keeps all.
    """

    name = "🙅 refusal"

    def __init__(self, field: str, patterns: Phrases | None, exclusion_writer: DiskWriter | None = None):
        super().__init__(field, exclusion_writer)
        self.patterns = patterns

    def find(self, text: str) -> Fault | None:
        if self.patterns and (match := self.patterns.search(text)):
            return Fault("refusal", match[0].strip())
        return None
