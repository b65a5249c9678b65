"""Details that a text has and its segment lacks: numbers, Latin words, quoted names and titles."""

import re
from functools import lru_cache

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.curation.quantities import WORDS, Quantity, quantities, unit_of
from kun_recipes.data import schema
from kun_recipes.rules.rule import Fault, Verdict, verdict
from kun_recipes.text.phrases import Phrases
from kun_recipes.text.views import letters, narrow

SMALL = range(2, 11)
"""Counts that a text may make of what it lists."""
EACH = "每全整当今去同各按"  # before a unit: 每天 says 一天, too
LISTED = tuple("个种类项条步部样派大方")
BLANK = "\0"  # in place of what states nothing, so that places stay

MARKUP = re.compile(
    r"```.*?(?:```|\Z)|</?[A-Za-z][^<>\n]{0,200}>|\\[A-Za-z]+|(?<=\])\([^()\n]{1,300}\)|https?://[^\s\u3000-\u9fff]+",
    re.DOTALL,
)
TITLE = re.compile(r"《([^《》\n]{1,60})》")
QUOTED = re.compile(
    r"“([^“”\n。!?;,]{2,20})”|「([^「」\n。!?;,]{2,20})」|『([^『』\n。!?;,]{2,20})』|‘([^‘’\n。!?;,]{2,20})’"
    r"|(?<![0-9A-Za-z=])\"([^\"\n。!?;,]{2,20})\""
)
LATIN = re.compile(
    r"(?<![A-Za-z0-9_.])(?:[A-Za-z][A-Za-z0-9]*|[0-9]+[A-Za-z]+[A-Za-z0-9]*)(?:[-+#.'_&/][A-Za-z0-9]+)*[+#]*"
    r"|(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}"
)
DIGITS_AND_UNIT = re.compile(r"[0-9]+([A-Za-z]+)")
ROMAN = re.compile(r"[IVX]{1,5}")
FULL_WIDTH_COMMA = re.compile(r"(?<=[0-9])，(?=[0-9])")
STATE = "中华人民共和国"

CLAUSE = re.compile(r"[^,。;:!?\n()]+")
LAST_JOINED = re.compile(r"(?:和|以及|及|与)[^、]{1,30}$")
ITEM = re.compile(
    r"^[ \t]*(?:[-*+•·] |\(?[0-9]{1,2}[.、)]|\(?[一二三四五六七八九十]{1,2}[、)])|首先|其次|再次|最后", re.MULTILINE
)
ONE_OTHER = re.compile("一[种类个派]")
FIRST_SECOND = re.compile("[一二三四五六](?:是|来|则)|其[一二三四五六]")


def missing_details(text: str, given: str) -> list[str]:
    """Return the details of a text that are not in what was given, as they stand in the text.

    Details are quantities, Latin words, names in quotation marks and titles of books. Numbers of lists, counts of what
    the text lists itself, idioms, markup and code state nothing.
    """
    view, source = _blank(MARKUP, _view(text)), _given(given)
    found: list[tuple[int, int]] = []
    for pattern in (TITLE, QUOTED):
        for name in pattern.finditer(view):
            if not source.names(next(filter(None, name.groups()))):
                found.append(name.span())
        view = _blank(pattern, view)
    for word in LATIN.finditer(view):
        if not _says_nothing(word[0]) and not source.has_word(word[0]):
            found.append(word.span())
    numbers = _blank(WORDS.states_nothing, view)
    listed = _listed(view) | source.listed
    for quantity in quantities(numbers):
        if not (source.states(quantity) or _counts_items(quantity, listed)):
            found.append((quantity.start, quantity.end))
    return list(dict.fromkeys(text[start:end].strip() for start, end in sorted(found)))


def missing_in_pair(instruction: str, output: str, segment: str) -> list[str]:
    """Return the details of a pair that its segment lacks. An answer may also use what its instruction says."""
    words = missing_details(instruction, segment) + missing_details(output, f"{segment}\n{instruction}")
    return list(dict.fromkeys(words))


class Given:
    """The texts that details may come from: the segment, and for an answer the instruction, too."""

    def __init__(self, text: str):
        view = _view(text).replace("上世纪", "20世纪").replace("本世纪", "21世纪")
        self.text = view
        self.lower = view.lower()
        self.letters = letters(view).lower().replace(STATE, "")
        self.titles = [letters(title[1]).lower() for title in TITLE.finditer(view)]
        self.words = {_plain(word[0]) for word in LATIN.finditer(view)}
        self.quantities = quantities(view)
        self.listed = _listed(view)

    def names(self, name: str) -> bool:
        """Return whether a name stands in the text, with or without marks; a title may be a shorter one."""
        plain = letters(name).lower().replace(STATE, "")
        return plain in self.letters or any(plain.endswith(title) for title in self.titles)

    def has_word(self, word: str) -> bool:
        """Return whether a Latin word stands in the text, in any case, by itself, in parts or in the plural."""
        if {_plain(word), _plain(word).removesuffix("s"), _plain(word) + "s"} & self.words:
            return True
        parts = re.split(r"[^A-Za-z0-9+#]+", word.lower())
        return all(re.search(rf"(?<![a-z0-9]){re.escape(part)}(?![a-z])", self.lower) for part in parts if part)

    def states(self, claim: Quantity) -> bool:
        if any(known.supports(claim) for known in self.quantities):
            return True
        if not claim.low == claim.high == 1:
            return False
        return claim.line in (None, "ordinal") or bool(re.search(f"[{EACH}]一?个?{re.escape(claim.unit)}", self.text))


class CheckDetails(BaseFilter):
    """Look for details of the instruction and the answer that the segment does not have.

    Reads the text, instruction and output. Adds missing_details, a list of words (`missing_in_pair`). Drops with
    reason "unsupported_detail"; the value is the words.

    Args:
        drop: whether rows with a missing detail are dropped; False measures only.
    """

    name = "🔍 details"

    def __init__(self, drop: bool, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.drop = drop

    def filter(self, doc: Document) -> Verdict:
        missing = missing_in_pair(doc.metadata[schema.INSTRUCTION], doc.metadata[schema.OUTPUT], doc.text)
        doc.metadata[schema.MISSING_DETAILS] = missing
        return verdict(doc, Fault("unsupported_detail", "、".join(missing)) if missing and self.drop else None)


_given = lru_cache(maxsize=2)(Given)


def _view(text: str) -> str:
    """Return the text in half width, character for character; a full-width comma between digits parts two numbers."""
    return narrow(FULL_WIDTH_COMMA.sub("、", text))


def _blank(pattern: re.Pattern[str] | Phrases, view: str) -> str:
    """Return the text with each match made blanks."""
    parts: list[str] = []
    end = 0
    for match in pattern.finditer(view):
        parts += [view[end : match.start()], BLANK * len(match[0])]
        end = match.end()
    return "".join(parts) + view[end:]


def _says_nothing(word: str) -> bool:
    """Return whether a word is a letter, a number of a list, a unit, or no more than a Chinese word."""
    measured = DIGITS_AND_UNIT.fullmatch(word)
    unit = measured[1] if measured else word
    return len(word) == 1 or bool(ROMAN.fullmatch(word)) or word.lower() in WORDS.latin or unit_of(unit) is not None


def _plain(word: str) -> str:
    """Return the letters and digits of a Latin word in lower case: WiFi for Wi-Fi, C++ as it is."""
    return re.sub(r"[-.'_&/]", "", word.lower())


def _listed(view: str) -> set[int]:
    """Return how many things a text lists, in each of its enumerations and in its items."""
    counts = {len(items.findall(view)) for items in (ITEM, ONE_OTHER, FIRST_SECOND)}
    for clause in CLAUSE.findall(view):
        pieces = clause.count("、") + 1
        counts |= {pieces, pieces + 1} if LAST_JOINED.search(clause) else {pieces}
    return counts


def _counts_items(quantity: Quantity, listed: set[int]) -> bool:
    """Return whether a small number of kinds, points or parts is that of things listed."""
    number = quantity.low
    return quantity.unit in LISTED and number == quantity.high and number in SMALL and number in listed
