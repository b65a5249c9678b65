"""Words of the other language on a page or card that is written in one."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser

HAN = re.compile(r"[\u3400-\u9fff，。；：（）“”、]+")
LATIN = re.compile(r"[A-Za-z][A-Za-z-]+")

VERDICTS = (
    "P(是)",
    "P(好)",
    "P(否)",
    "P(差)",
    "是 or 否",
    "好 or 差",
    "是 against 否",
    "好 against 差",
    "是/否",
    "好/差",
)
"""What the judges are asked, quoted by English pages."""

TERMS = frozenset(
    word
    for line in (
        "Kun kun-recipes arXiv token AUC PPL GEN Bradley Terry Fleiss McNemar MinHash Platt LoRA DPO TRL DPOTrainer",
        "chrF C-Eval CMMLU verify recipes annotate py statistics json IP QQ Hub Parquet Community SHA- Apache CC",
        "BY-NC BY id split config Yi- n-gram log top-p",
    )
    for word in line.split()
)
"""Names and terms that Chinese pages write in Latin letters."""


class Text(HTMLParser):
    """The text that a page shows, without its style, scripts and code."""

    HIDDEN = frozenset({"style", "script", "code"})

    def __init__(self, page: str):
        super().__init__()
        self.inside: list[str] = []
        self.parts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag in self.HIDDEN:
            self.inside.append(tag)
        self.parts += [value for name, value in attributes if name in ("alt", "placeholder", "aria-label")]

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside:
            self.parts.append(data)


def without_code(card: str) -> str:
    """Return a card's text without its metadata, code, quotes of rows, and addresses."""
    text = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    text = re.sub(r"^(```|~~~~).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(?:>|    ).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"<code>.*?</code>", " ", text)
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)|<[^>]+>|https?://\S+", " ", text)


def foreign_words(text: str, language: str, data: Iterable[str]) -> list[str]:
    """Return the words of the other language.

    Args:
        data: of the rows, and names that the user gave: in any language.
    """
    for one in sorted({*data, *VERDICTS}, key=len, reverse=True):
        text = text.replace(one, " ")
    if language == "en":
        return HAN.findall(text)
    return [word for word in LATIN.findall(text) if word not in TERMS]
