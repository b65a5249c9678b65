"""Cut single lines and sentences out of a document, so that they do not cost the text around them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kun_recipes.config.types import Count, Share
from kun_recipes.corpus.normalisation.blocks import Normaliser
from kun_recipes.corpus.normalisation.characters import BLANK_LINES
from kun_recipes.corpus.segments.sentences import split_sentences
from kun_recipes.rules.endings import CUT_END, LIST_ITEM, is_finished
from kun_recipes.rules.keywords import KeywordList
from kun_recipes.text.phrases import PhraseLists
from kun_recipes.text.views import narrow

UNLIKE_LINK = re.compile(
    r"""[,:;、。"“”「」]|[了着过说吗吧呢啊]$|^(?:作者|译者|甲方|乙方|[您你]的|QED|证毕)|(?:盖章|签字|签名)"""
)
SALUTATION = re.compile(r"[^,。:\n]{2,20}:\n")
INTRODUCES = re.compile(r"(?::|如下(?:[图表]|所[示列])*[。.]?|见(?:附[件表图录]|下[表图文])[。.]?)\Z")


@dataclass(frozen=True)
class CutLimits:
    """Lines that are cut out of a document. None switches a check off.

    Attributes:
        reasons: lists of rules.yaml's segment keywords whose phrases cost their line, not the text around it.
        max_line: characters up to which the whole line goes; of a longer one the sentence with the phrase goes.
        max_share: highest share of the text that may go; above it all stays, for the rules to judge.
        max_dangling_lines: most lines at the end, links or headings without a text, that are cut, and sentences that
            introduce a list or a table which is not there.
        max_dangling_characters: characters up to which such a line is taken for one.
        min_left: fewest characters that must stay.
        opening_words: connectives that lean on text before a document, where there is none; the rest stands without.
    """

    reasons: tuple[str, ...]
    max_line: Count
    max_share: Share
    max_dangling_lines: Count | None
    max_dangling_characters: Count
    min_left: Count
    opening_words: re.Pattern[str] | None = None


class CutLines(Normaliser):
    """Cut out advertising, navigation, links, headings and introductions without a text, and opening connectives.

    Reads and writes the text. Cuts are counted.

    Args:
        limits: how much may go.
        lists: the keywords of segments.
        closing_lines: last lines that end a text without a full stop: dates, signatures, results.
    """

    name = "🔪 cut lines"

    def __init__(self, limits: CutLimits, lists: Sequence[KeywordList], closing_lines: re.Pattern[str] | None):
        super().__init__()
        self.limits = limits
        self.lists = tuple(one for one in lists if one.reason in limits.reasons)
        self.phrases = PhraseLists([one.patterns for one in self.lists], [one.min_hits for one in self.lists])
        self.closing_lines = closing_lines

    def format(self, text: str) -> str:
        spans = self._advertising(text)
        gone = sum(end - start for start, end in spans)
        if gone > self.limits.max_share * len(text) or len(text) - gone < self.limits.min_left:
            spans = []
        for start, end in reversed(spans):
            text = text[:start] + text[end:]
        if spans:
            text = BLANK_LINES.sub("\n\n", text).strip("\n")
        self.count_lines(len(spans))
        return text[self._text_start(text) : self._text_end(text)]

    def _text_start(self, text: str) -> int:
        """Return the place behind an opening word such as 总之, which leans on earlier text."""
        words = self.limits.opening_words
        match = words.match(narrow(text)) if words else None
        self.count_lines(match is not None)
        return match.end() if match else 0

    def _advertising(self, text: str) -> list[tuple[int, int]]:
        """Return spans of the lines and sentences that hold a phrase, in order."""
        narrowed, spans = narrow(text), set[tuple[int, int]]()
        for number, possible in self.phrases.possible(narrowed):
            keywords = self.lists[number]
            matches = list(keywords.patterns.finditer(narrowed, possible))
            if len({match.re for match in matches}) < keywords.min_hits or keywords.spares(narrowed):
                continue
            spans |= {self._piece(text, match.start(), match.end()) for match in matches}
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start < merged[-1][1]:
                before, until = merged.pop()
                start, end = before, max(end, until)
            merged.append((start, end))
        return merged

    def _piece(self, text: str, first: int, last: int) -> tuple[int, int]:
        start = text.rfind("\n", 0, first + 1) + 1
        end = text.find("\n", last)
        end = len(text) if end < 0 else end
        if end - start <= self.limits.max_line:
            return start, min(end + 1, len(text))  # with its line break
        line = text[start:end]
        inside = [(a, b) for a, b in split_sentences(line) if a < last - start and b > first - start]
        return start + inside[0][0], start + inside[-1][1]

    def _text_end(self, text: str) -> int:
        """Return the place where the text ends without the links, headings and introductions at its end."""
        limits = self.limits
        if limits.max_dangling_lines is None:
            return len(text)
        end, cut = len(text), 0
        if SALUTATION.match(narrow(text)):
            return len(text)  # a letter ends in a signature
        while cut <= limits.max_dangling_lines:
            start = text.rfind("\n", 0, end) + 1
            line = narrow(text[start:end].strip())
            sentence = start if not line or self._dangles(line) else start + _introduction(text[start:end])
            if line and sentence == end:
                break
            cut += bool(line)
            end = max(start - 1, 0) if sentence == start else sentence
            if not end:
                return len(text)
        if not cut or cut > limits.max_dangling_lines or end < limits.min_left or not is_finished(line):
            return len(text)
        self.count_lines(cut)
        return end

    def _dangles(self, line: str) -> bool:
        line = line.removesuffix(":")  # it introduces what is not there
        if not line:
            return True
        if len(line) > self.limits.max_dangling_characters or is_finished(line) or CUT_END.search(line):
            return False
        if LIST_ITEM.match(line) or UNLIKE_LINK.search(line):
            return False
        return not (self.closing_lines and self.closing_lines.search(line))


def _introduction(line: str) -> int:
    """Return place of the last sentence of a line, if it introduces what does not follow; else the line's end."""
    if not INTRODUCES.search(narrow(line.rstrip())):
        return len(line)
    *_, (start, _) = split_sentences(line)
    return start
