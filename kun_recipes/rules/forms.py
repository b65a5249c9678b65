"""Forms of instructions, question or imperative, and the word that shows it: by rule, from lists of words."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal, NamedTuple

from kun_recipes.config.settings import load_typed
from kun_recipes.text.views import narrow

Form = Literal["question", "imperative", "other"]
FORMS: tuple[Form, ...] = ("question", "imperative", "other")
WORDS_FILE = files("kun_recipes.rules") / "forms.yaml"

_TRAILING = " \t\"'”’」』)）。.!！~…"
_TITLES = re.compile("《[^《》]*》")
_INNER_ORDER = re.compile(r"[,。;:!\n]\s*请(?!问)")


@dataclass(frozen=True)
class FormWords:
    """The lists of forms.yaml."""

    polite: re.Pattern
    between: re.Pattern
    question_ends: re.Pattern
    question_words: tuple[str, ...]
    weak: tuple[str, ...]
    imperative_verbs: tuple[str, ...]
    opens_with_more: tuple[str, ...]


class FormClassification(NamedTuple):
    """An instruction's form, and the question word or verb that shows it; None if no list has it."""

    form: Form
    word: str | None


class FormClassifier:
    """Classifies instructions by the lists of a file, see forms.yaml.

    The rules, the first that fits: a polite opening orders; a first or last line that ends as a question asks; a verb
    at the beginning orders; a question word asks; a 请 after a comma or full stop orders; the rest is other.
    """

    def __init__(self, words: FormWords):
        self.words = words
        self._weak = frozenset(words.weak)
        self._more = frozenset(words.opens_with_more)
        self._question_words = _longest_first(words.question_words)
        self._verbs = _longest_first(words.imperative_verbs)

    def classify(self, instruction: str) -> FormClassification:
        text = _TITLES.sub("《》", narrow(instruction)).strip()  # 《风从哪里来》 asks nothing
        lines = [line.strip(_TRAILING) for line in text.splitlines() if line.strip()]
        polite = self.words.polite.match(text)
        asked = self._question_word(text)
        if polite:
            return FormClassification("imperative", self._verb_from(text, polite.end()))
        if lines and any(self._ends_as_question(line) for line in (lines[0], lines[-1])):
            return FormClassification("question", asked)
        verb = self._verb_from(text, 0)
        if verb and verb not in self._more:
            return FormClassification("imperative", verb)
        if asked and asked not in self._weak:
            return FormClassification("question", asked)
        if inner := _INNER_ORDER.search(text):
            return FormClassification("imperative", self._verb_from(text, inner.end()))
        return FormClassification("other", None)

    def is_statement(self, instruction: str) -> bool:
        return self.classify(instruction).form == "other"

    def _ends_as_question(self, line: str) -> bool:
        return any(match.end() == len(line) for match in self.words.question_ends.finditer(line))

    def _question_word(self, text: str) -> str | None:
        """Return the first one; a weak one only without any other."""
        words = [match[0] for match in self._question_words.finditer(text)]
        return next((word for word in words if word not in self._weak), words[0] if words else None)

    def _verb_from(self, text: str, start: int) -> str | None:
        """Return the verb at `start`, behind what may stand before it; of 用…写 and the like the 写."""
        while between := self.words.between.match(text, start):
            start = between.end()
        verb = self._verbs.match(text, start)
        if not verb or verb[0] not in self._more:
            return verb[0] if verb else None
        behind = (match[0] for match in self._verbs.finditer(text, verb.end()))
        return next((word for word in behind if word not in self._more and (len(word) > 1 or word == "写")), verb[0])


@cache
def load_forms(source: Traversable = WORDS_FILE) -> FormClassifier:
    """Raises UserError, naming file and key, where the file does not hold the lists."""
    return FormClassifier(load_typed(source, FormWords))


def _longest_first(words: tuple[str, ...]) -> re.Pattern:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
