"""Left-over markup of a page: entities, tags, Markdown. Code and texts about markup keep theirs."""

import html
import re
from collections.abc import Callable

from kun_recipes.rules.formatting import FormatDebris
from kun_recipes.text.views import HAN, narrow

FENCE_LINE = re.compile(r"^ {0,3}(`{3}|~{3})([^\n]*)$", re.MULTILINE)
INLINE_CODE = re.compile(r"(`[^`\n]+`)")
ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#\d{1,7}|#[Xx][0-9A-Fa-f]{1,6});")
VALUE = r"""(?:"[^"<>]{0,400}"|'[^'<>]{0,400}'|[^\s"'<>]{1,400})"""
BARE = "nowrap|noshade|checked|disabled|selected|hidden|async|defer|controls|autoplay|allowfullscreen"  # need no value
ATTRIBUTES = rf"(?:\s+(?:[A-Za-z_:@][-\w:.]{{0,40}}\s*=\s*{VALUE}|(?:{BARE})\b)){{0,20}}\s*"  # x<p 且 y>q has none
HIDDEN = re.compile(rf"<(script|style){ATTRIBUTES}>[\s\S]{{0,5000}}?</\1\s*>|<!--[\s\S]{{0,2000}}?-->", re.IGNORECASE)
SINGLE_TAG = re.compile(rf"</?(?P<name>br|hr|p|img|li|td|th|tr){ATTRIBUTES}/?>", re.IGNORECASE)
BLOCKS = "div|section|article|table|tbody|thead|ul|ol|dl|dt|dd|h[1-6]|center|blockquote|pre|form"
INLINE = "a|span|font|strong|em|b|i|u|s|sup|sub|small|big|label|button|iframe|abbr|ins|del"
PAIRED_TAG = re.compile(rf"</?(?P<name>{BLOCKS}|{INLINE}){ATTRIBUTES}>", re.IGNORECASE)
VARIABLE = "[A-Za-z\u0391-\u03c9]['′]?[0-9\u2080-\u2089]?"
BEFORE_SIGN = re.compile(rf"(?:(?<![A-Za-z0-9_.>])(?:{VARIABLE}|[0-9]+(?:\.[0-9]+)?)|[A-Za-z0-9]\))\Z")
AFTER_SIGN = re.compile(  # no 2. and no B、 of a list
    rf"[-−]?(?:{VARIABLE}|[0-9]+(?:\.[0-9]+)?)(?![A-Za-z0-9_])(?!(?<=[A-Z0-9])[.、])", re.ASCII
)
OPERAND_REACH = 12
COMPARED = frozenset(["<p", "<a", "<b", "<i", "<u", "<s"])
COMPARED_ONCE = frozenset(["<li", "<td", "<th", "<tr"])  # 0<tr>s, where no other cell or item is
BLANK_OR_END = ("", " ")
CELLS = ("td", "th")
BREAKS = re.compile(rf"(?:br|hr|p|li|tr|{BLOCKS})\Z", re.IGNORECASE)

TARGET = (
    r"\((?:https?:|www\.|mailto:|javascript:|\.{0,2}/|#)(?:[^()\s]|\([^()\s]{0,200}\)){0,400}(?:\s+\"[^\"\n]*\")?\)"
)
IMAGE = re.compile(
    rf"!\[[^\]\n]{{0,200}}\](?:{TARGET}|\([^()\s]+\.(?:png|jpe?g|gif|svg|webp|bmp)[^()\s]*\))", re.IGNORECASE
)
LINK = re.compile(rf"(?<!!)\[([^\[\]\n]{{0,400}})\]{TARGET}")
BOLD = re.compile(  # neither 2**3**4 nor **options
    rf"(?<![0-9A-Za-z_*\\/(])\*\*(?![\s*])(?=[^*\n]*[{HAN}])([^*\n]*[^*\s\\])\*\*(?![0-9A-Za-z_*/])"
)
ESCAPE = re.compile(r"\\([*_#\[\]()~>.+\-!|{}`])")


class MarkupRemover:
    """Takes left-over markup out of prose.

    Args:
        debris: which texts are about markup or escapes and keep theirs.
    """

    def __init__(self, debris: FormatDebris):
        self.markup_topics = debris.markup_topics
        self.escape_topics = debris.escape_topics

    def clean(self, text: str) -> str:
        """Return the text with one layer of markup removed; the same text if it has no markup."""
        if "<" in text or "&" in text:
            text = self._without_tags(text)
        if "](" in text or "**" in text:
            text = _outside_code(text, _without_markdown)
        if "\\" in text:
            text = self._without_escapes(text)
        return text

    def _without_tags(self, text: str) -> str:
        cleaned = _outside_code(text, _without_tags)
        about_markup = cleaned != text and self.markup_topics and self.markup_topics.search(narrow(cleaned))
        return text if about_markup else cleaned

    def _without_escapes(self, text: str) -> str:
        if text.count("\\") != len(ESCAPE.findall(text)):
            return text  # others are paths, code or expressions
        if self.escape_topics and self.escape_topics.search(narrow(text)):
            return text
        return _outside_code(text, _without_escapes)


def split_fences(text: str) -> list[str]:
    """Return the text in pieces: prose at the even places, fenced code at the odd ones.

    A fence that stays open is prose.
    """
    lines = list(FENCE_LINE.finditer(text))
    closing: dict[str, int] = {}  # by its marks the next line that may close a fence
    closed_by = [0] * len(lines)
    for number in range(len(lines) - 1, -1, -1):
        marks, rest = lines[number].groups()
        closed_by[number] = closing.get(marks, 0)
        if not rest.strip("`~ \t"):
            closing[marks] = number
    pieces, end, number = [], 0, 0
    while number < len(lines):
        if last := closed_by[number]:
            pieces += [text[end : lines[number].start()], text[lines[number].start() : lines[last].end()]]
            end, number = lines[last].end(), last
        number += 1
    return [*pieces, text[end:]]


def has_fences(text: str) -> bool:
    """Return whether the text may hold fenced code."""
    return "```" in text or "~~~" in text


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text changed outside fences and `inline code`."""
    pieces = split_fences(text) if has_fences(text) else [text]
    for place in range(0, len(pieces), 2):
        parts = INLINE_CODE.split(pieces[place])
        parts[::2] = map(change, parts[::2])
        pieces[place] = "".join(parts)
    return "".join(pieces)


def _without_tags(text: str) -> str:
    if "&" in text:
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "<" in text:
        text = SINGLE_TAG.sub(_replacement, HIDDEN.sub("", text))
        pairs = _paired_names(text)
        text = PAIRED_TAG.sub(lambda tag: _replacement(tag) if tag["name"].lower() in pairs else tag[0], text)
    return text


def _paired_names(text: str) -> set[str]:
    """Return the names of tags that are closed, except those that only occur in comparisons (i<s>t 与 </s>)."""
    closed = {name.lower() for name in re.findall(r"</(\w{1,10})", text)}
    openings = [tag for tag in PAIRED_TAG.finditer(text) if tag[0][1] != "/"] if closed else []
    compared = {tag["name"].lower() for tag in openings if _is_text(tag)}
    return closed - (compared - {tag["name"].lower() for tag in openings if not _is_text(tag)})


def _is_text(tag: re.Match[str]) -> bool:
    """Return whether a match of the tag pattern is a comparison (x<p>q) or a model's token (以 <s> 开头)."""
    return _is_token(tag) or _is_comparison(tag)


def _is_token(tag: re.Match[str]) -> bool:
    around = (tag.string[max(0, tag.start() - 1) : tag.start()], tag.string[tag.end() : tag.end() + 1])
    return tag["name"] == "s" and all(character in BLANK_OR_END for character in around)


def _is_comparison(tag: re.Match[str]) -> bool:
    """Return whether variables or numbers touch the signs on both sides, and no tag closes behind the second."""
    opening, text = f"<{tag['name']}", tag.string
    is_variable = opening in COMPARED or (opening in COMPARED_ONCE and text.count(opening) == 1)
    if not is_variable or tag[0].rstrip("> \t") != opening:
        return False
    operand = AFTER_SIGN.match(text, tag.end())
    if operand is None or text.startswith(f"</{tag['name']}", operand.end()):
        return False
    return BEFORE_SIGN.search(text[max(0, tag.start() - OPERAND_REACH) : tag.start()]) is not None


def _replacement(tag: re.Match[str]) -> str:
    """Return a line break for what starts a line on a page, a tab for the end of a cell, other text as it is."""
    if _is_text(tag):
        return tag[0]
    if tag["name"].lower() in CELLS:
        return "\t" if tag[0][1] == "/" else ""
    return "\n" if BREAKS.match(tag["name"]) else ""


def _without_markdown(text: str) -> str:
    return BOLD.sub(r"\1", LINK.sub(r"\1", IMAGE.sub("", text)))


def _without_escapes(text: str) -> str:
    return ESCAPE.sub(r"\1", text)
