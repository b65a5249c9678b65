"""What the lines of a document are to each other: headings, lists, paragraphs; and what a cut between them costs.

Web text marks none of this. A line stands for a paragraph, and a few signs tell the rest: short lines without an end
mark are headings, a colon introduces what follows, items begin with a number or a bullet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from kun_recipes.corpus.sentences import CLOSERS, COMMAS, ENDS, trimmed

LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]+")
LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
HEADING_CHARACTERS = 32
MARKED_HEADING_CHARACTERS = 64  # of a heading that shows as one: by its number, or as a question
HEADINGS_IN_A_ROW = 3  # chapter, section, subsection; more short lines in a row are a list or a menu
QUESTION = "？?"
UNLIKE_HEADING = set(ENDS + COMMAS) - set(QUESTION)
LINE_ENDS = set(ENDS) - set("；;")
NUMERAL = "[0-9０-９一二三四五六七八九十百零〇]+"
NUMBERED = re.compile(rf"#+ |\d+(?:\.\d+)+[.、]?\s|第\s*{NUMERAL}\s*[编章节条部分]")  # "## ", "6.7.2. ", "第三章"
ITEM = re.compile(rf"[-*+•·●○◆■□▪–—]\s*\S|[①-⑳⑴-⒇]|[(（]?(?:{NUMERAL}|[A-Za-z])(?:[、.．)）]|\s)")

# The cost of a cut. A segment costs at most 1 for being short (segmentation.py), so that a cut in a paragraph is never
# made to fill segments better, and a cut between paragraphs only to balance them.
BEFORE_SECTION = 0.0
BETWEEN_PARAGRAPHS = 0.5
IN_LIST = 2.0
BETWEEN_SENTENCES = 3.0
BETWEEN_CLAUSES = 4.0  # behind a semicolon or an ellipsis
IN_WRAPPED_LINE = 5.0
AFTER_INTRODUCTION = 8.0  # behind a heading or a colon


@dataclass
class Line:
    """A line that is not blank: its span in the document, and its part in it."""

    start: int
    end: int
    text: str
    after_blank: bool  # whether blank lines precede it
    heading: bool = False
    in_list: bool = False

    @property
    def last_mark(self) -> str:
        """The last character, closing quotes and brackets left out."""
        return (self.text.rstrip(CLOSERS) or self.text)[-1]

    @property
    def may_be_heading(self) -> bool:
        """A short line without an end mark or a short question: a heading, or an item without a bullet."""
        if "。" in self.text or self.last_mark in UNLIKE_HEADING:
            return False
        is_marked = self.last_mark in QUESTION or NUMBERED.match(self.text)
        return len(self.text) <= (MARKED_HEADING_CHARACTERS if is_marked else HEADING_CHARACTERS)

    @property
    def introduces(self) -> bool:
        return self.heading or self.last_mark in "：:"


def parse_lines(text: str) -> list[Line]:
    """The lines of a document, with headings and lists recognised."""
    lines = list(_split_lines(text))
    _mark_headings(lines)
    for previous, line in pairwise(lines):
        is_item = line.may_be_heading or ITEM.match(line.text) is not None or previous.last_mark in "；;"
        line.in_list = is_item and not line.heading and (previous.introduces or previous.in_list)
    return lines


def cut_cost(previous: Line, line: Line) -> float:
    """What a cut between two neighbouring lines costs."""
    if previous.introduces:
        return AFTER_INTRODUCTION
    if line.in_list:
        return IN_LIST
    if line.heading or NUMBERED.match(line.text):
        return BEFORE_SECTION
    if previous.last_mark not in LINE_ENDS and not previous.may_be_heading and not line.after_blank:
        return IN_WRAPPED_LINE
    return BETWEEN_PARAGRAPHS


def _split_lines(text: str) -> Iterator[Line]:
    previous_end = 0
    for match in LINE.finditer(text):
        for start, end in trimmed(text, *match.span()):
            after_blank = len(LINE_BREAK.findall(text, previous_end, start)) > 1
            yield Line(start, end, text[start:end], after_blank)
            previous_end = end


def _mark_headings(lines: list[Line]) -> None:
    """A heading stands above text. In a long row of short lines none is, but for a numbered one at its end."""
    rows = [list(row) for _, row in groupby(lines, key=lambda line: line.may_be_heading)]
    for row in rows[:-1]:
        if row[0].may_be_heading:
            in_long_row = len(row) > HEADINGS_IN_A_ROW
            for line in row[-1:] if in_long_row else row:
                line.heading = not in_long_row or NUMBERED.match(line.text) is not None
