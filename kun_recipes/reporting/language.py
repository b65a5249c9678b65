"""The language of a report, its figures and tables, and of a card: English, as the code has it, or Chinese.

with speaking("zh"):
    tr("{rows} rows", rows=4)  # 4 行

zh.yaml holds the Chinese of every message, and Chinese names of what English pages call by its identifier.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from kun_recipes.config.options import option
from kun_recipes.config.settings import load_typed

Language = Literal["en", "zh"]
ENGLISH: Language = "en"
CATALOGUE = files("kun_recipes.reporting") / "zh.yaml"
HTML_LANGUAGES: dict[Language, str] = {"en": "en", "zh": "zh-CN"}
BEGINNING = 2000
"""Characters of a page in which its language stands."""
LIST = ", "
NUMBER = re.compile(r"\d[\d,.]*(?<![,.])")

_current: ContextVar[Language] = ContextVar("language", default=ENGLISH)


@dataclass(frozen=True)
class Catalogue:
    """Content of zh.yaml.

    Attributes:
        messages: Chinese by English text.
        stored: likewise, of texts that a stage stored with its results; `#` stands for a number.
        names: Chinese by kind and identifier.
    """

    messages: dict[str, str]
    stored: dict[str, str]
    names: dict[str, dict[str, str]]


@cache
def catalogue() -> Catalogue:
    """Return the Chinese texts."""
    return load_typed(CATALOGUE, Catalogue)


def language_option(*, affects_rows: bool) -> Any:
    """Return the option `language`; it affects rows where another language needs a finished folder to be rebuilt."""
    return option(ENGLISH, "language of pages, cards, tables and figures: en or zh", affects_rows=affects_rows)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Set the language of the texts that are made inside."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def page_is_in(language: Language, page: Path) -> bool:
    """Return whether a page that was written as HTML is there, in a language."""
    if not page.is_file():
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return f'<html lang="{HTML_LANGUAGES[language]}">' in file.read(BEGINNING)


def is_english() -> bool:
    """Tell if the current language is English."""
    return _current.get() == ENGLISH


def html_language() -> str:
    """Return the current language by its HTML code."""
    return HTML_LANGUAGES[_current.get()]


def tr(message: str, **values: Any) -> str:
    """Return a message in the current language, with the values in its placeholders.

    Raises:
        KeyError: zh.yaml lacks the message.
    """
    text = message if is_english() else catalogue().messages[message]
    return text.format(**values) if values else text


def listed(texts: Iterable[str]) -> str:
    """Return texts as a list in the current language."""
    return (LIST if is_english() else "、").join(texts)


def named(identifier: str, kind: str) -> str:
    """Return the name of something that code and rows know by an identifier, such as a reason.

    One that zh.yaml does not have, such as the reason of a user's own rule, keeps its identifier.
    """
    if is_english():
        return identifier.replace("_", " ")
    return catalogue().names[kind].get(identifier, identifier)


def stage_name(name: str) -> str:
    """Return the name of a stage or a trained model; English pages call it as its file is called.

    Text after a blank, such as the round that a stage compares, stays as it is.
    """
    if is_english():
        return name
    stage, blank, rest = name.partition(" ")
    return named(stage, "stage") + blank + rest


def retold(text: str) -> str:
    """Return a text that a stage stored in English in the current language; an unknown one stays as it is."""
    if is_english():
        return text
    found = catalogue().stored.get(NUMBER.sub("#", text))
    if found is not None:
        numbers = iter(NUMBER.findall(text))
        return re.sub("#", lambda _: next(numbers), found)
    parts = text.split(LIST)
    told = list(map(retold, parts)) if len(parts) > 1 else parts
    return text if told == parts else "，".join(told)
