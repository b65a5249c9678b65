"""Text formatting errors: brackets, markup, escapes, role markers (Kun A.2)."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.types import Count
from kun_recipes.rules.rule import Fault, Rule, sentences
from kun_recipes.text.classes import CODE_POINTS
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import encode

FENCE = re.compile(r"^ {0,3}(?:`{3}|~{3})", re.MULTILINE)
FENCED_CODE = re.compile(r"^ {0,3}(`{3}|~{3})[\s\S]*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE)
INLINE_CODE = re.compile(r"`[^`\n]+`")
NAMED_BRACKET = re.compile(  # escaped, quoted, smileys; a sad one has no word behind it, as ":(一)" has
    r"\\[()\[\]{}]|[\"'“‘][()\[\]{}<>][\"'”’]|[:;]-?(?:\)|\((?![^\s,。;!?]))"
)
LIST_MARK = re.compile(  # "1)" and "a)" before a list item
    r"(?:(?<=[\s,。;:、!?])|^)(?:[0-9A-Za-z]{1,3}|[一二三四五六七八九十]{1,3})\)", re.MULTILINE
)
PAIRS = {")": "(", "》": "《", "】": "【", "」": "「", "』": "『", "”": "“", "〉": "〈", "〕": "〔"}
OPENERS = {opener: opener for opener in PAIRS.values()} | {"[": "(", "{": "("}  # as in [0, 1)
CLOSERS = PAIRS | {"]": "(", "}": "("}
BLANKS = re.compile(r"\s+")
MIN_SENTENCE = 3  # characters under which a sentence said twice is no fault
BRACKET = re.compile("[" + re.escape("".join([*OPENERS, *CLOSERS])) + "]")
STRAIGHT_QUOTE = re.compile(r'(?<!\\)"')
QUOTED_ANGLE = re.compile("[<>][\"'”’]")
MOST_NAMED = 4  # marks of a named bracket, and the quotation mark behind it, which may follow a digit without it
KINDS = {opener: number for number, opener in enumerate(PAIRS.values(), start=1)}
BRACKET_KINDS = np.zeros(CODE_POINTS, dtype=np.int8)  # above 0 for what opens, below for what closes
BRACKET_KINDS[list(map(ord, OPENERS))] = [KINDS[opener] for opener in OPENERS.values()]
BRACKET_KINDS[list(map(ord, CLOSERS))] = [-KINDS[opener] for opener in CLOSERS.values()]
QUOTE, ESCAPE = 1, 2  # next to a named bracket: a quotation mark on both sides, or one of these before it
NAMING = np.zeros(CODE_POINTS, dtype=np.uint8)
NAMING[[ord(mark) for mark in "\"'“‘”’"]] = QUOTE
NAMING[[ord(mark) for mark in "\\:;-"]] = ESCAPE  # a backslash, the eyes and the nose of a smiley


@dataclass(frozen=True)
class FormatDebris:
    """Debris that no text should hold. None switches a check off.

    Attributes:
        chat_markers: what a chat template left behind.
        debris: wreckage outside code.
        markup: leftover tags and entities outside code.
        markup_topics: words of a text that may name them.
        escape_topics: words of a text whose backslashes may stand for themselves.
        line_breaks: escapes that should be line breaks, outside code.
        line_break_topics: words of a text that may name them.
    """

    chat_markers: Phrases | None
    debris: Phrases | None
    markup: Phrases | None
    markup_topics: Phrases | None
    escape_topics: Phrases | None
    line_breaks: Phrases | None = None
    line_break_topics: Phrases | None = None


@dataclass(frozen=True)
class FormatLimits:
    """Shape of a well-formed segment, instruction or answer. None switches a check off.

    Attributes:
        max_unbalanced: most brackets and quotation marks without their partner.
        max_sentence_repeats: most times that one sentence may be said.
        max_blanks: most whitespace characters in a row.
        max_lines: most lines with text.
        role_markers: what a prompt or a neighbouring turn left behind.
    """

    max_unbalanced: Count | None
    max_sentence_repeats: Count | None
    max_blanks: Count | None
    max_lines: Count | None
    role_markers: Phrases | None


class FormatErrors(Rule):
    """Drop texts with formatting errors (Kun A.2, seventh rule).

    Reads the text `field` names. Reason: "format_error"; the value is the debris found, or the check and its number.

    Args:
        field: which text is read.
        debris: what no text should hold.
        limits: how a text of this kind looks.
    """

    name = "🧱 format errors"

    def __init__(
        self, field: str, debris: FormatDebris, limits: FormatLimits, exclusion_writer: DiskWriter | None = None
    ):
        super().__init__(field, exclusion_writer)
        self.debris = debris
        self.limits = limits

    def find(self, text: str) -> Fault | None:
        prose = INLINE_CODE.sub("", FENCED_CODE.sub("", text)) if "`" in text or "~~~" in text else text
        found = self._marker(text) or self._wreckage(prose) or self._shape(text, prose)
        return Fault("format_error", found) if found else None

    def _marker(self, text: str) -> str | None:
        for pattern in (self.debris.chat_markers, self.limits.role_markers):
            if pattern and (match := pattern.search(text)):
                return match[0].strip()
        has_fence = "```" in text or "~~~" in text
        return "unclosed code fence" if has_fence and len(FENCE.findall(text)) % 2 else None

    def _wreckage(self, prose: str) -> str | None:
        debris = self.debris
        if debris.debris and (match := debris.debris.search(prose)):
            return match[0].strip()
        for left, topics in ((debris.markup, debris.markup_topics), (debris.line_breaks, debris.line_break_topics)):
            if left and (match := left.search(prose)) and not (topics and topics.search(left.sub("", prose))):
                return match[0].strip()
        return None

    def _shape(self, text: str, prose: str) -> str | None:
        limits = self.limits
        if limits.max_unbalanced is not None and most_unbalanced(prose) > limits.max_unbalanced:
            unbalanced = count_unbalanced(prose)
            if unbalanced > limits.max_unbalanced:
                return f"{unbalanced} unbalanced"
        if limits.max_sentence_repeats is not None:
            most = max(Counter(sentences(text, MIN_SENTENCE)).values(), default=0)
            if most > limits.max_sentence_repeats:
                return f"a sentence {most} times"
        if limits.max_blanks is not None:
            longest = max(map(len, BLANKS.findall(text.strip())), default=0)
            if longest > limits.max_blanks:
                return f"{longest} blanks"
        if limits.max_lines is not None:
            lines = sum(1 for line in text.splitlines() if line.strip())
            if lines > limits.max_lines:
                return f"{lines} lines"
        return None


def count_unbalanced(text: str) -> int:
    """Return number of brackets and quotation marks without a partner in a narrowed text.

    An odd straight quote is one.
    """
    text = NAMED_BRACKET.sub("", text)
    list_marks = {match.end() - 1 for match in LIST_MARK.finditer(text)}
    open_now = dict.fromkeys(PAIRS.values(), 0)
    unbalanced = int(has_open_quote(text))
    for match in BRACKET.finditer(text):
        bracket = match[0]
        if bracket in OPENERS:
            open_now[OPENERS[bracket]] += 1
        elif open_now[CLOSERS[bracket]]:
            open_now[CLOSERS[bracket]] -= 1
        elif match.start() not in list_marks:
            unbalanced += 1
    return unbalanced + sum(open_now.values())


def has_open_quote(text: str) -> bool:
    """Return whether a straight quotation mark is opened and not closed; 15" with none open are inches."""
    is_open = False
    if '"' in text:
        for mark in STRAIGHT_QUOTE.finditer(text):
            is_open = not is_open and not text[mark.start() - 1 : mark.start()].isdigit()
    return is_open


def most_unbalanced(text: str) -> int:
    """Return an upper bound of `count_unbalanced`, in a tenth of the time.

    It is 0 for most texts.

    Brackets that are named rather than used count as if they were used, and then as much as leaving them and the
    quotation marks about them out could change.
    """
    codes = encode(text)
    kinds = BRACKET_KINDS.take(codes)
    places = kinds.nonzero()[0]
    open_now = [0] * (len(PAIRS) + 1)
    unbalanced = int(has_open_quote(text))
    for kind in kinds[places].tolist():
        if kind > 0:
            open_now[kind] += 1
        elif open_now[-kind]:
            open_now[-kind] -= 1
        else:
            unbalanced += 1
    before = NAMING.take(codes.take(places - 1, mode="clip"))
    behind = NAMING.take(codes.take(places + 1, mode="clip"))
    named = np.count_nonzero(before & (behind | ESCAPE))
    if "<" in text or ">" in text:
        named += len(QUOTED_ANGLE.findall(text))
    return unbalanced + sum(open_now) + MOST_NAMED * int(named)
