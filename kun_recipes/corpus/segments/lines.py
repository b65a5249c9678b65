"""The lines of a document and what a cut before each of them costs: headings, lists, articles, questions, code.

Web text marks little of this. A line stands for a paragraph, and a few signs tell the rest: short lines without an
end mark are headings, a colon introduces what follows, items begin with a number or a bullet, 第三条 opens an article,
问： a question, ``` code.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from kun_recipes.corpus.segments.sentences import COMMAS, ENDS
from kun_recipes.text.classes import CLOSING_MARKS, LINE_BREAKS

HEADING_CHARACTERS = 32
MARKED_HEADING_CHARACTERS = 64  # of a heading that shows as one: by its number, or as a question
HEADINGS_IN_A_ROW = 3  # chapter, section, subsection; more short lines in a row are a list or a menu
QUESTION = "？?"
UNLIKE_HEADING = frozenset(ENDS + COMMAS) - frozenset(QUESTION)
LINE_ENDS = frozenset(ENDS) - frozenset("；;")
INTRODUCES = frozenset("：:")
CLAUSE_ENDS = frozenset("；;")
CLOSING = frozenset(CLOSING_MARKS)

NUMERAL = "[0-9０-９一二三四五六七八九十百千零〇]+"
LINE_BREAK = re.compile(rf"\r\n|[{LINE_BREAKS}]")
LINE = re.compile(
    rf"""[^\S{LINE_BREAKS}]*(?=\S)(?:
      (?P<article>第\s?{NUMERAL}\s?条(?:之{NUMERAL})?(?![第规的所和与及或、至到之]))
    | (?P<markdown>\#{{1,6}}[^\S{LINE_BREAKS}])
    | (?P<section>\d+(?:\.\d+)+[.、]?\s|第\s*{NUMERAL}\s*[编章节部分])
    | (?P<question>(?:问题?|提问|Q|Question)\s?\d{{0,3}}\s?[:：])
    | (?P<answer>(?:答案?|回答|解答|A|Answer)\s?\d{{0,3}}\s?[:：])
    | (?P<fence>`{{3}}|~{{3}})
    | (?P<row>\|)
    | (?P<bullet>[-*+•·●○◆■□▪–—]\s*\S)
    | (?P<item>[①-⑳⑴-⒇]|[(（]?(?:{NUMERAL}|[A-Za-z])(?:[、.．)）]|\s))
    )?[^{LINE_BREAKS}]*""",
    re.VERBOSE,
)
SECTIONS = frozenset({"article", "markdown", "section"})
PARTS = frozenset({"article", "question", "answer"})
ITEMS = frozenset({"bullet", "item"})
NEVER_HEADINGS = frozenset({"bullet", "row", "fence"})

# The cost of a cut. A segment costs at most 1 for being short (segmentation.py), so that a cut in a paragraph is never
# made to fill segments better, and a cut between paragraphs only to balance them.
BEFORE_SECTION = 0.0
BEFORE_ARTICLE = 0.2  # so that articles rather share a segment with their chapter's than with the next one's
BETWEEN_PARAGRAPHS = 0.5
IN_LIST = 2.0
IN_PART = 2.0  # in an article or an answer
BETWEEN_SENTENCES = 3.0
BETWEEN_CLAUSES = 4.0  # behind a semicolon or an ellipsis
IN_WRAPPED_LINE = 5.0
IN_TABLE = 5.0
AFTER_INTRODUCTION = 8.0  # behind a heading, a colon or a question
IN_CODE = 12.0


@dataclass(slots=True)
class Line:
    """A line that is not blank: its span in the document, and its part in it."""

    start: int
    end: int
    kind: str | None  # the group of LINE that its beginning matches
    last_mark: str  # the last character, closing quotes and brackets left out
    after_blank: bool  # whether blank lines precede it
    is_short: bool  # without an end mark, or a question: a heading, or an item without a bullet
    heading: bool = False
    in_list: bool = False
    in_code: bool = False  # the closing fence too
    part: str | None = None  # the article, question or answer that it belongs to

    @property
    def introduces(self) -> bool:
        return (self.heading or self.last_mark in INTRODUCES) and not self.in_code


def parse_lines(text: str) -> list[Line]:
    """Return the lines of a document, with headings, lists, articles, answers and code recognised."""
    lines = _read_lines(text)
    if "```" in text or "~~~" in text:
        _mark_code(lines)
    _mark_headings(lines)
    for line in lines[:1]:
        line.part = _part(None, line)
    for previous, line in pairwise(lines):
        line.part = _part(previous.part, line)
        if (previous.in_list or previous.introduces) and not line.heading:
            line.in_list = line.is_short or line.kind in ITEMS or previous.last_mark in CLAUSE_ENDS
    return lines


def cut_cost(previous: Line, line: Line) -> float:
    """Return the cost of a cut between two neighbouring lines."""
    if line.in_code:
        return IN_CODE
    if previous.introduces or (line.kind == "answer" and previous.part == "question"):
        return AFTER_INTRODUCTION
    if line.in_list or line.kind == "fence":
        return IN_LIST
    if line.heading or line.kind in SECTIONS or line.kind == "question":
        return BEFORE_ARTICLE if line.kind == "article" else BEFORE_SECTION
    if line.kind == "row" and previous.kind == "row":
        return IN_TABLE
    if not (previous.last_mark in LINE_ENDS or previous.is_short or line.after_blank):
        return IN_WRAPPED_LINE
    return IN_PART if line.part else BETWEEN_PARAGRAPHS


def _read_lines(text: str) -> list[Line]:
    lines, previous_end = [], 0
    for match in LINE.finditer(text):
        piece = match[0].strip()
        start = match.start() if piece[0] == match[0][0] else text.index(piece, match.start())
        length, mark, kind, is_short = len(piece), piece[-1], match.lastgroup, False
        if mark in CLOSING:
            mark = (piece.rstrip(CLOSING_MARKS) or piece)[-1]
        if length <= MARKED_HEADING_CHARACTERS and mark not in UNLIKE_HEADING and "。" not in piece:
            is_short = length <= HEADING_CHARACTERS or mark in QUESTION or kind in SECTIONS
        after_blank = start - previous_end > 1 and len(LINE_BREAK.findall(text, previous_end, start)) > 1
        lines.append(Line(start, start + length, kind, mark, after_blank, is_short))
        previous_end = start + length
    return lines


def _mark_code(lines: list[Line]) -> None:
    """Mark the lines between two fences as code. A last fence without a partner encloses nothing."""
    fences = [place for place, line in enumerate(lines) if line.kind == "fence"]
    for opening, closing in zip(fences[::2], fences[1::2], strict=False):
        for line in lines[opening + 1 : closing + 1]:
            line.in_code = True


def _mark_headings(lines: list[Line]) -> None:
    """Mark short lines above text as headings.

    In a long run of short lines only a marked one at its end is a heading.
    """
    row = 0  # where the row of short lines begins
    for place, line in enumerate(lines):
        if line.is_short and line.kind not in NEVER_HEADINGS and not line.in_code:
            line.heading = line.kind == "markdown"
            continue
        for short in lines[row:place] if place - row <= HEADINGS_IN_A_ROW else lines[place - 1 : place]:
            short.heading = place - row <= HEADINGS_IN_A_ROW or short.kind in SECTIONS
        row = place + 1


def _part(before: str | None, line: Line) -> str | None:
    """Return the article, question or answer that a line belongs to.

    A heading that asks is answered by what is under it.
    """
    if line.kind in PARTS:
        return line.kind
    if line.heading:
        return "answer" if line.last_mark in QUESTION else None
    return None if line.kind in SECTIONS else before
