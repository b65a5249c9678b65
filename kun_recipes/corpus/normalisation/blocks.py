"""Blocks of normalisation: repair mojibake, unify spelling, convert to simplified characters, remove page lines."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import ftfy
import numpy as np
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.formatters import FTFYFormatter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.utils.typeshelper import StatHints

from kun_recipes.corpus.normalisation.characters import (
    BLANK_LINES,
    composed,
    in_one_width,
    tidy,
    without_controls,
    without_indentation,
)
from kun_recipes.corpus.normalisation.markup import MarkupRemover, has_fences, split_fences
from kun_recipes.corpus.normalisation.mojibake import may_be_mojibake
from kun_recipes.errors import UserError
from kun_recipes.execution.counts import LINES_REMOVED
from kun_recipes.rules.formatting import FormatDebris
from kun_recipes.text.classes import CODE_POINTS, HAN_CHARACTER, class_table
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import encode, narrow


class Normaliser(BaseFormatter):
    """Base of the blocks that rewrite a document's text. In the statistics, "changed" counts the documents changed."""

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for document in data:
            self.stat_update(StatHints.total)
            with self.track_time():
                text = self.format(document.text)
            if text != document.text:
                self.stat_update("changed")
                document.text = text
            yield document

    def count_lines(self, lines: int) -> None:
        """Count lines that were taken out of the text; the stage's summary tells their number."""
        if lines:
            self.stat_update(LINES_REMOVED, value=lines)


class FixMojibake(Normaliser, FTFYFormatter):
    """Repair text that was decoded by the wrong table, by ftfy (Speer 2019), line by line where it could act.

    Text that was read as GBK is beyond it, and so is what lost bytes (锟斤拷), which a rule on segments drops.
    """

    name = "🩹 mojibake"

    def __init__(self) -> None:
        FTFYFormatter.__init__(self, unescape_html=False, remove_control_chars=False)  # NormaliseText sees to both

    def format(self, text: str) -> str:
        if not may_be_mojibake(text):
            return text
        return "".join(ftfy.fix_text(line, self.config) if may_be_mojibake(line) else line for line in _lines(text))


class NormaliseText(Normaliser):
    r"""Bring a document into one spelling; doing it twice changes nothing more.

    NFC; line ends as \n; control, zero-width and direction characters out; entities decoded, left-over tags and
    Markdown out (headings stay, the segmenter reads them); full-width Latin letters and digits half-width, punctuation
    as it is; blanks of every kind and number one blank, none at line ends, none that indent a paragraph; at most one
    blank line. Code between fences keeps its characters, its blanks and its markup.

    Args:
        debris: which texts are about markup or escapes and keep theirs.
    """

    name = "🧼 normalise"

    def __init__(self, debris: FormatDebris):
        super().__init__()
        self.markup = MarkupRemover(debris)

    def format(self, text: str) -> str:
        text = _in_order(text)
        while (cleaned := self.markup.clean(text)) != text:  # what is taken out can leave markup behind: &amp;lt;
            text = _in_order(cleaned)
        return text


class ToSimplified(Normaliser):
    """Rewrite traditional characters as simplified ones, by OpenCC's phrases and characters (t2s).

    Raises UserError where OpenCC is not installed: it is not needed for anything else.
    """

    name = "🀄 simplified"

    def __init__(self) -> None:
        super().__init__()
        if find_spec("opencc") is None:
            raise UserError("converting traditional characters needs OpenCC: pip install --editable '.[opencc]'")

    def format(self, text: str) -> str:
        return load_converter().convert(text) if has_traditional(text) else text


class RemovePageLines(Normaliser):
    """Take out lines that belong to the page and not to its text, so that a good segment is not lost for one of them.

    Args:
        lines: what such lines are, whole; None leaves all.
    """

    name = "🧹 page lines"

    def __init__(self, lines: Phrases | None):
        super().__init__()
        self.lines = lines

    def format(self, text: str) -> str:
        if self.lines is None:
            return text
        kept, end = [], 0
        narrowed = narrow(text)  # changes no place
        for match in self.lines.finditer(narrowed):
            if _is_speaker(match[0], narrowed):
                continue
            kept.append(text[end : match.start()])
            end = match.end()
        self.count_lines(len(kept))
        return BLANK_LINES.sub("\n\n", "".join([*kept, text[end:]])).strip("\n") if kept else text


def _is_speaker(line: str, text: str) -> bool:
    """Return whether other lines begin with the same word and a colon: a speaker of an interview, not a byline."""
    word, colon, _ = line.partition(":")
    return bool(colon) and f"\n{text}".count(f"\n{word.strip()}:") > 1


@lru_cache(maxsize=1)
def load_converter() -> Any:
    """Return OpenCC from traditional to simplified; once per process, since it is not pickled with the block."""
    from opencc import OpenCC

    return OpenCC("t2s")


def has_traditional(text: str) -> bool:
    """Return whether the text has a character that OpenCC rewrites when it stands alone."""
    return bool(_is_traditional().take(encode(text)).any())


def _in_order(text: str) -> str:
    """Return the text with characters, blanks and lines normalised."""
    if not has_fences(text):
        return _prose_in_order(text).strip("\n")
    pieces = split_fences(composed(without_controls(text)))
    pieces[::2] = map(_prose_in_order, pieces[::2])
    return "".join(pieces).strip("\n")


def _prose_in_order(text: str) -> str:
    mapped = in_one_width(without_indentation(text))
    text = composed(mapped)
    return tidy(text if text is mapped else in_one_width(text))  # NFC has blanks of its own


def _lines(text: str) -> list[str]:
    r"""Return the lines with their ends; only \n ends one, as for ftfy."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines


@lru_cache(maxsize=1)
def _is_traditional() -> np.ndarray:
    codes = np.flatnonzero(class_table() == HAN_CHARACTER)
    characters = list(map(chr, codes.tolist()))
    simplified = load_converter().convert("\n".join(characters)).split("\n")  # apart, so that no phrase is found
    table = np.zeros(CODE_POINTS, dtype=bool)
    table[codes] = [old != new for old, new in zip(characters, simplified, strict=True)]
    return table
