"""Restore line breaks that a corpus lost, and remove blanks that a tool put between Chinese words."""

import re
from collections.abc import Iterator

from kun_recipes.corpus.normalisation.blocks import Normaliser
from kun_recipes.corpus.normalisation.markup import has_fences
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import HAN, narrow

MIN_HAN = 20  # pairs of Han characters: fewer are too few to decide
MIN_BLANKS = 0.15  # of all characters: a look at their number spares most documents the rest
MIN_CUT = 0.25
"""Of the places between two Han characters, those with a blank. Words have 1.5 to 2 characters; verse has 0.17."""

MIN_PARTICLES = 0.04  # of the words, those that only prose has; names, tags and keywords have none
PARTICLES = frozenset("的了是在和有也不就都这对与从被把为")
HAN_PAIR = re.compile(rf"(?<=[{HAN}])[ ]?(?=[{HAN}])")
WORD_BLANK = re.compile(r"(?<=[^\x00-\x7f]) (?=\S)|(?<=\S) (?=[^\x00-\x7f])|(?<=[a-zA-Z0-9%)]) (?=[,.!?;:])")
LIST_MARK = re.compile(r"\d{1,3}[.、)] ")

MIN_LINE = 80  # characters of a line that may be several paragraphs
MIN_PARAGRAPH = 45
"""Mean characters of all but the last: shorter ones are sentences that an author separates by blanks."""

PARAGRAPH_END = re.compile(r"(?:[。！？…]|(?<=[^\x00-\x7f])[.!?])[”’」』）)\"'】]* (?=[^\s,，。、;；:：])")
LAST_END = re.compile(r"(?:[。！？…]|(?<=[^\x00-\x7f])[.!?])[”’」』）)\"'】]*")
LABELS = re.compile(rf" (?=[\[【(（]?[{HAN}]{{2,5}} ?[:：])|(?<=[\]】)）]) ?(?=[\[【(（])")
LABELLED = re.compile(rf"[\[【(（]? ?[{HAN}]{{2,5}} ?[:：]")
MAX_HEAD = 120  # characters at the beginning that may belong to the page


class JoinWords(Normaliser):
    """Take the blanks out of Chinese text that was cut into words; blanks between Latin words and numbers stay.

    Such text is known by its blanks: they part a quarter of all Han characters, and particles stand alone. A list of
    names or keywords has no particles.
    """

    name = "🧷 join words"

    def format(self, text: str) -> str:
        if has_fences(text) or not is_cut_into_words(text):
            return text
        return "\n".join(_joined(line) for line in text.split("\n"))


class RestoreLines(Normaliser):
    """Break long lines at the blanks that stand for line breaks, so that paragraphs and lines of the page are lines.

    A blank behind a sentence stands for one where the pieces are as long as paragraphs. The text behind the last
    sentence, or before the first blank, is split off if all of it is lines of the page.

    Args:
        page_lines: what such lines are, whole; None parts none.
    """

    name = "↩️ lines"

    def __init__(self, page_lines: Phrases | None):
        super().__init__()
        self.page_lines = page_lines

    def format(self, text: str) -> str:
        if has_fences(text):
            return text
        first, *others = text.split("\n")
        lines = [*self._parted_head(first), *others]
        lines[-1:] = self._parted_tail(lines[-1])
        return "\n".join(piece for line in lines for piece in _paragraphs(line))

    def _parted_head(self, line: str) -> Iterator[str]:
        while LABELLED.match(line[:MAX_HEAD]) and (end := self._head_end(line)):
            yield line[:end]
            line = line[end + 1 :]
        yield line

    def _head_end(self, line: str) -> int | None:
        """Return place of the blank behind a line of the page with which `line` begins."""
        label = LABELLED.match(line)
        blank = line.find(" ", label.end() + 1, MAX_HEAD) if label else -1
        return blank if blank > 0 and self._is_page_line(line[:blank]) else None

    def _parted_tail(self, line: str) -> list[str]:
        if line.endswith(("。", "！", "？", "…")):
            return [line]
        ends = [match.end() for match in LAST_END.finditer(line)]
        if not ends or ends[-1] == len(line):
            return [line]
        pieces = [piece.strip() for piece in LABELS.split(line[ends[-1] :].strip())]
        return [line[: ends[-1]], *pieces] if all(map(self._is_page_line, pieces)) else [line]

    def _is_page_line(self, piece: str) -> bool:
        if self.page_lines is None or not piece:
            return False
        found = self.page_lines.search(narrow(piece))
        return found is not None and found.span() == (0, len(piece))


def is_cut_into_words(text: str) -> bool:
    """Tell whether blanks part the words of a Chinese text."""
    if text.count(" ") < MIN_BLANKS * max(len(text), MIN_HAN):
        return False
    places = HAN_PAIR.findall(text)
    if len(places) < MIN_HAN or sum(map(len, places)) < MIN_CUT * len(places):
        return False
    words = text.split()
    return sum(map(PARTICLES.__contains__, words)) >= MIN_PARTICLES * len(words)


def _joined(line: str) -> str:
    mark = LIST_MARK.match(line)
    head = mark.end() if mark else 0
    return line[:head] + WORD_BLANK.sub("", line[head:])


def _paragraphs(line: str) -> list[str]:
    if len(line) < MIN_LINE or " " not in line:
        return [line]
    ends = [match.end() for match in PARAGRAPH_END.finditer(line)]
    if not ends or ends[-1] < MIN_PARAGRAPH * len(ends):
        return [line]
    return [line[start : end - 1] for start, end in zip([0, *ends], [*ends, len(line) + 1], strict=True)]
