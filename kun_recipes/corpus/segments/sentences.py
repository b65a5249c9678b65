"""Split Chinese text into sentences, with punctuation of both widths."""

import re
from collections.abc import Iterator

from kun_recipes.text.classes import CLOSING_MARKS, SENTENCE_ENDS
from kun_recipes.text.views import HAN

ENDS = SENTENCE_ENDS + "!?;.．"  # the last five by their place
COMMAS = "，、：,:"
HALF_WIDTH_QUOTES = "\"'"
# No sentence begins with one of these: “好吗？”，他问。
CONTINUES = frozenset(COMMAS + ENDS + CLOSING_MARKS) - frozenset(HALF_WIDTH_QUOTES)
TITLE_CLOSERS = "》〉"  # a title may end in a mark of its own: 《出发！》出版了。

END_RUN = re.compile(f"(?P<marks>[{ENDS}][{re.escape(ENDS + CLOSING_MARKS)}]*)(?P<space>\\s*)")
FULL_WIDTH_END = re.compile(f"[{SENTENCE_ENDS}]")
FULL_WIDTH_ENDS = frozenset(SENTENCE_ENDS)
HAN_CHARACTER = re.compile(f"[{HAN}]")
LIST_NUMBER = re.compile(r"(?:^|[\s.。！？；])[(（]?(?:\d{1,3}(?:\.\d+)*|[A-Za-z]|[一二三四五六七八九十]{1,3})$")


def split_sentences(line: str) -> Iterator[tuple[int, int]]:
    """Yield spans of the sentences of one line, in order, without the whitespace around them.

    。！？；… end a sentence together with the closing quotes and brackets behind them. Half-width .!?; end one only
    before whitespace and between Chinese characters, and not in numbers, list numbers ("1. ") or abbreviations.
    """
    start, stop = len(line) - len(line.lstrip()), len(line.rstrip())
    for run in END_RUN.finditer(line, start):
        following = run.end()
        if following >= stop:
            break
        marks = run["marks"]
        if line[following] in CONTINUES:
            continue
        if marks in FULL_WIDTH_ENDS:  # most are one 。
            end = run.end("marks")
        elif _ends_sentence(line, run):
            end = _end_with_quotes(line, run)
        else:
            continue
        yield start, end
        start = following if end == run.end("marks") else end
    if start < stop:
        yield start, stop


def _ends_sentence(line: str, run: re.Match) -> bool:
    following, ends = line[run.end()], run["marks"].rstrip(CLOSING_MARKS)
    closers = run["marks"][len(ends) :]
    if following in CONTINUES or any(closer in TITLE_CLOSERS for closer in closers):
        return False
    if FULL_WIDTH_END.search(ends):
        return True
    before = line[max(run.start() - 12, 0) : run.start()]
    if ends in {".", "．"} and LIST_NUMBER.search(before):
        return False
    after_han = HAN_CHARACTER.match(before[-1:]) is not None
    if not run["space"]:
        return after_han and HAN_CHARACTER.match(following) is not None
    if ends.endswith(";"):
        return after_han  # elsewhere it is code
    return not following.islower()  # "e.g. this"


def _end_with_quotes(line: str, run: re.Match) -> int:
    """Return the end of the sentence. A half-width quote behind it belongs to it only if it was opened before."""
    end = run.start() + len(run["marks"].rstrip(CLOSING_MARKS))
    for closer in line[end : run.end("marks")]:
        if closer in HALF_WIDTH_QUOTES and line.count(closer, 0, end) % 2 == 0:
            break
        end += 1
    return end
