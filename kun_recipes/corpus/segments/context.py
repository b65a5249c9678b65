"""Segments that lean on what is not in them (Kun §3.1: the answers to be must be self-contained)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.config.settings import load_typed
from kun_recipes.config.types import Count
from kun_recipes.corpus.quality.settings import LineLimits
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Rule, Verdict, verdict
from kun_recipes.text.short_lines import said_share
from kun_recipes.text.views import narrow

DEFAULT_CONTEXT = "context.yaml"
NUMBERED = re.compile(r"\s*(?:\d+(?:\.\d+)+|第\s*[0-9一二三四五六七八九十百]+\s*[章节编部])")
TEXT_MARK = re.compile(r"[。;!…]|[.](?=\s|\Z)(?<!\d\.)")
LOOK_BACK = 40  # characters before a pointer that show what it is for
SEE = "见参"  # with these begins a pointer to more; one to a figure says what the text itself leaves out
TABLE_ROW = re.compile(r"^\s*\|", re.MULTILINE)
QUESTION = "?"
THIS = re.compile(r"在?这[款家本部台座间只条位件张项套个]")  # what a text begins with that shows its matter


@dataclass(frozen=True)
class ContextSettings:
    """Signs that a segment leans on other text. None switches a check off.

    Attributes:
        points_back: how a segment begins that continues the text before it.
        opens: what of these a whole document may begin with, since no text before it is meant: a story opens with 他.
        points_elsewhere: what names a figure, a table, a page or a passage; a table in the segment is not elsewhere.
        points_up: what names text above it; not looked for but in the first third of a segment.
        points_down: what names text below it; not looked for but in the last third.
        in_passing: what stands before a pointer (见, 参见) that a reader need not follow: "for more, see section 3".
        cut_beginning: how a segment begins that was cut out of a sentence or a list.
        max_heading: characters of a line without an end mark up to which it is a heading, an item or a link.
    """

    points_back: re.Pattern[str] | None
    opens: re.Pattern[str] | None
    points_elsewhere: re.Pattern[str] | None
    points_up: re.Pattern[str] | None
    points_down: re.Pattern[str] | None
    in_passing: re.Pattern[str] | None
    cut_beginning: re.Pattern[str] | None
    max_heading: Count | None


def load_context(path: str | Path | None = None) -> ContextSettings:
    """Read a context file; None reads the package's own. Raises UserError, naming the file and the key."""
    return load_typed(files("kun_recipes.corpus") / DEFAULT_CONTEXT if path is None else Path(path), ContextSettings)


class LeansOnContext(Rule):
    """Drop segments that cannot be understood, or asked about, without the text around them.

    Reads the text. Reasons: "cut_beginning", "points_back", "points_elsewhere" (the value is what was matched) and
    "no_text": nothing but headings, menu lines and entries of a table of contents (the value is the number of lines).

    Args:
        settings: what shows that a segment leans on other text.
        lines: limits on documents' lines, which say what verse is.
        exclusion_writer: where dropped rows go.
    """

    name = "🧩 leans on context"

    def __init__(self, settings: ContextSettings, lines: LineLimits, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TEXT, exclusion_writer)
        self.settings = settings
        self.lines = lines

    def filter(self, doc: Document) -> Verdict:
        """Filter as `Rule.filter` does, but let a document's first segment begin with “这家店”.

        No text stands before it that it could point back to.
        """
        fault, opens = self.find(text := narrow(doc.text)), self.settings.opens
        if fault and fault.reason == "points_back" and opens and not doc.metadata.get(schema.SPAN_START, 1):
            fault = self._find_later(text.strip()) if opens.match(text.strip()) else fault
        return verdict(doc, fault)

    def find(self, text: str) -> Fault | None:
        settings, text = self.settings, text.strip()
        if settings.cut_beginning and (match := settings.cut_beginning.match(text)):
            return Fault("cut_beginning", match[0])
        if settings.points_back and (match := settings.points_back.match(text)):
            return Fault("points_back", match[0])
        return self._find_later(text)

    def _find_later(self, text: str) -> Fault | None:
        """Find the faults that do not show at the beginning."""
        settings = self.settings
        if match := self._pointer(text):
            return Fault("points_elsewhere", match[0])
        if settings.max_heading is not None and not self._has_text(text, settings.max_heading):
            return Fault("no_text", str(text.count("\n") + 1))
        return None

    def _pointer(self, text: str) -> re.Match[str] | None:
        """Find a pointer to something that is not in the segment, and that a reader of the segment would miss."""
        settings, third = self.settings, len(text) // 3
        places = ((settings.points_elsewhere, 0, len(text)), (settings.points_up, 0, third))
        for pattern, start, end in (*places, (settings.points_down, 2 * third, len(text))):
            for match in pattern.finditer(text, start, end) if pattern else ():
                if not self._is_harmless(text, match):
                    return match
        return None

    def _is_harmless(self, text: str, match: re.Match[str]) -> bool:
        if "表" in match[0] and TABLE_ROW.search(text):
            return True
        before = text[max(match.start() - LOOK_BACK, 0) : match.start()].rpartition("\n")[2]
        if before.rfind("(") > before.rfind(")"):
            return True
        in_passing = self.settings.in_passing
        return match[0][0] in SEE and in_passing is not None and in_passing.search(before) is not None

    def _has_text(self, text: str, max_heading: int) -> bool:
        """Return whether a line is neither a heading, an item, a link nor an entry of a table of contents."""
        if TEXT_MARK.search(text):
            return True
        lines = text.splitlines()
        if len(TABLE_ROW.findall(text)) > 2 or self._is_said(lines):
            return True
        return any(
            len(line) > max_heading and not line.endswith(QUESTION) and not NUMBERED.match(line) for line in lines
        )

    def _is_said(self, lines: Sequence[str]) -> bool:
        least = self.lines.min_said_share
        return least is not None and len(lines) >= self.lines.min_lines and said_share(lines) >= least
