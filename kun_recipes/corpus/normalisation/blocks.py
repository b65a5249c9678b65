"""The blocks of normalisation, in the order in which the stage runs them."""

from importlib.util import find_spec

import ftfy
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.formatters import FTFYFormatter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.utils.typeshelper import StatHints

from kun_recipes.corpus.normalisation.characters import composed, in_one_width, without_controls
from kun_recipes.corpus.normalisation.layout import tidy, without_indentation
from kun_recipes.corpus.normalisation.markup import MarkupRemover, has_fences, split_fences
from kun_recipes.corpus.normalisation.mojibake import may_be_mojibake
from kun_recipes.corpus.normalisation.simplified import has_traditional, load_converter
from kun_recipes.errors import UserError
from kun_recipes.rules.formatting import FormatDebris


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
    """Bring a document into one spelling; doing it twice changes nothing more.

    NFC; line ends as \\n; control, zero-width and direction characters out; entities decoded, left-over tags and
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
            raise UserError("to rewrite traditional characters needs OpenCC: pip install 'kun-recipes[opencc]'")

    def format(self, text: str) -> str:
        return load_converter().convert(text) if has_traditional(text) else text


def _in_order(text: str) -> str:
    """Characters, blanks and lines in order."""
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
    """The lines with their ends; only \\n ends one, as for ftfy."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines
