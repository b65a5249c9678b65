"""Texts that end before they are finished."""

import re

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.rules.rule import Fault, Rule, Verdict, verdict

OPEN_END = ",:、-—([{《“「『【<%℃°&+=/\\"
NEAREST = 3  # lines before the last that show whether such lines end with a mark here
LIST_ITEM = re.compile(r"(?:[-*+•·●○■◆▪]|\(?(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[A-Za-z])[.、)])")
LINKING = (  # words that more must follow; 需要, 方向 and 参与 may end a sentence
    "以及|如果|虽然|由于|因为|使得|通过|关于|对于|例如|比如|包括|或者|并且|而且|但是|介于|位于|属于|涉及|成为|称为"
    "|(?<![饱共平总柔缓温])和|(?<![参给])与|或|(?<![需重主摘概纪不想首必紧只])要|[飞走冲流通]向"
)
CUT_END = re.compile(rf"(?:[,:、—(《“【]|(?<!-)-|\b(?:and|or|the|of|to)|{LINKING})\Z")


class CutOff(Rule):
    """Drop texts that stop in the middle of a sentence, by the model's own account or by their last line.

    Reads the text `field` names and the metadata column `finish_reason` names. Reasons: "truncated" where the model
    ran out of tokens (the value is the finish reason), "cut_off" where the last line is unfinished (the value is its
    end). A last line without a sentence end stays when most lines of its kind just before it (list items, verses,
    rows) have none either and it is not far longer than they are (a heading says nothing about a paragraph).

    Args:
        field: which text is read.
        max_open_length: characters up to which a text of one line needs no full stop; None asks for none at all, and
            then only a comma, a colon, a dash or an opening bracket shows a cut.
        closing_lines: last lines that end a text without a full stop: dates, signatures, results.
        finish_reason: metadata column with the engine's finish reason; None for text that no model wrote.
    """

    name = "✂️ cut off"

    def __init__(
        self,
        field: str,
        max_open_length: int | None,
        closing_lines: re.Pattern[str] | None,
        finish_reason: str | None = None,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(field, exclusion_writer)
        self.max_open_length = max_open_length
        self.closing_lines = closing_lines
        self.finish_reason = finish_reason

    def filter(self, doc: Document) -> Verdict:
        if self.finish_reason is not None and doc.metadata[self.finish_reason] == "length":
            return verdict(doc, Fault("truncated", "length"))
        return super().filter(doc)

    def find(self, text: str) -> Fault | None:
        text = text.strip()
        if not text or is_finished(text):
            return None
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        *earlier, last = lines
        if not CUT_END.search(last) and self._may_stay_open(earlier, last):
            return None
        return Fault("cut_off", last[-20:])

    def _may_stay_open(self, earlier: list[str], last: str) -> bool:
        if self.max_open_length is None or (not earlier and len(last) <= self.max_open_length):
            return True
        if self.closing_lines and self.closing_lines.search(last):
            return True
        kind = bool(LIST_ITEM.match(last))
        peers = [line for line in earlier if bool(LIST_ITEM.match(line)) == kind and not CUT_END.search(line)]
        nearest = peers[-NEAREST:]
        open_peers = [len(line) for line in nearest if not is_finished(line)]
        return 2 * len(open_peers) > len(nearest) and len(last) <= 2 * max(open_peers)


def is_finished(line: str) -> bool:
    """Return whether a narrowed text ends with a mark, and none that more should follow."""
    return not line[-1].isalnum() and line[-1] not in OPEN_END
