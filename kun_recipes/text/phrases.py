"""Lists of regular expressions that are searched only where their words occur."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from re import _constants, _parser  # type: ignore[attr-defined]  # not in typeshed
from typing import Any

import numpy as np
import numpy.typing as npt

from kun_recipes.text.literals import LATIN_1, Clause, has_case, required_in_alternatives, required_words
from kun_recipes.text.views import encode

FLAGS = re.IGNORECASE | re.MULTILINE
LONGEST = 200  # characters of a match, for an expression to be run only near its words
PAIRS = 1 << 15  # a text of 10,000 characters has some 5,000 different pairs of neighbours
FIRST_FACTOR, SECOND_FACTOR = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)

Word = tuple[int, int, str, bool]
"""A word: the hashes of its first and last pair, itself, and whether it is looked for in lower case."""

ALWAYS_THERE: Word = (PAIRS, PAIRS, "", False)

lowered = lru_cache(maxsize=1)(str.lower)  # one text meets many phrases


class Phrases:
    """A list of regular expressions; finds what `re.compile("|".join(expressions))` finds, in any case of letters.

    An expression whose words (kun_recipes.text.literals) are not in the text is not run, and in a long text it is run
    around its words: ten times faster on the lists of the rules.

    Args:
        patterns: the expressions; each must pass `check_pattern`.
    """

    def __init__(self, patterns: Sequence[str]):
        self.patterns = tuple(patterns)
        self._phrases = [Phrase(pattern) for pattern in self.patterns]
        self._owned = [
            (number, clauses) for number, phrase in enumerate(self._phrases) for clauses in phrase.alternatives
        ]
        clauses = [clause for _, owned in self._owned for clause in owned or [[ALWAYS_THERE]]]
        pairs = np.array([word[:2] for clause in clauses for word in clause], dtype=np.int64).reshape(-1, 2)
        self._first, self._last = pairs.T
        self._clause_starts = _starts(map(len, clauses))
        self._alternative_starts = _starts(len(owned) or 1 for _, owned in self._owned)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrases) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)

    def __repr__(self) -> str:
        return f"Phrases({list(self.patterns)})"

    def possible(self, text: str) -> list[int]:
        """Return the numbers of the expressions whose words are in the text, in order; no other matches."""
        if not self._owned:
            return []
        pairs = pairs_of(text)
        there = np.frombuffer(pairs, dtype=np.uint8)
        clauses = np.bitwise_or.reduceat(there[self._first] & there[self._last], self._clause_starts)
        likely = np.bitwise_and.reduceat(clauses, self._alternative_starts).nonzero()[0].tolist()
        numbers: dict[int, None] = {}
        for number, owned in map(self._owned.__getitem__, likely):
            if number not in numbers and may_match(owned, text, pairs):
                numbers[number] = None
        return list(numbers)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the match that begins first.

        Of those that begin together, that of the expression that is listed first.
        """
        return next(self.finditer(text), None)

    def finditer(self, text: str, possible: Sequence[int] | None = None) -> Iterator[re.Match[str]]:
        """Yield matches in the order of the text, which do not overlap.

        Args:
            text: where they are looked for.
            possible: numbers of the expressions that may match; None looks for them.
        """
        numbers, start = self.possible(text) if possible is None else possible, 0
        searches = [self._phrases[number].search_in(text) for number in numbers]
        while found := [match for search in searches if (match := search.next_from(start))]:
            first = min(found, key=re.Match.start)  # of the expression listed first, where several begin
            yield first
            start = first.end()

    def sub(self, replacement: str, text: str) -> str:
        """Return the text with every match replaced by the same words."""
        parts, end = [], 0
        for match in self.finditer(text):
            parts += [text[end : match.start()], replacement]
            end = match.end()
        return "".join(parts) + text[end:]


class PhraseLists:
    """Several lists of expressions; one look at a text finds those that are worth a search.

    Args:
        lists: the lists, which are searched one by one.
        least: of each list the fewest of its expressions that must match for it to count.
    """

    def __init__(self, lists: Sequence[Phrases], least: Sequence[int]):
        self._together = Phrases([pattern for phrases in lists for pattern in phrases.patterns])
        self._places = [(number, place) for number, one in enumerate(lists) for place in range(len(one.patterns))]
        self._least = tuple(least)

    def possible(self, text: str) -> list[tuple[int, list[int]]]:
        """Return the numbers of the lists that may match, each with the numbers of its expressions, in order.

        These are the lists of which enough expressions have their words in the text.
        """
        found: dict[int, list[int]] = {}
        for number, place in map(self._places.__getitem__, self._together.possible(text)):
            found.setdefault(number, []).append(place)
        return [(number, places) for number, places in found.items() if len(places) >= self._least[number]]


def check_pattern(pattern: str) -> None:
    """Raises re.error for an expression that does not compile, or that could match without taking a character."""
    if _parser.parse(pattern, FLAGS).getwidth()[0] == 0:
        raise re.error("matches empty text")
    re.compile(pattern, FLAGS)


class Phrase:
    """An expression and the words that it needs.

    Attributes:
        clauses: of each clause the words, each with two of its pairs and whether it is looked for in lower case.
        alternatives: such clauses for each alternative of the whole expression; a match satisfies those of one.
        reach: most characters of a match that holds a word of the first clause; None where that cannot be said.
    """

    def __init__(self, pattern: str):
        self.pattern = re.compile(pattern, FLAGS)
        parsed = _parser.parse(pattern, FLAGS)
        self.stands_at_start = _stands_at_start(parsed)
        self.clauses = _with_pairs(required_words(pattern, FLAGS))
        self.alternatives = [_with_pairs(clauses) for clauses in required_in_alternatives(pattern, FLAGS)]
        longest = parsed.getwidth()[1]
        may_reach = self.clauses and longest <= LONGEST and not self.stands_at_start and not _looks_around(parsed)
        self.reach = longest if may_reach else None

    def search_in(self, text: str) -> "Search":
        """Return a search of the text, from its start to its end."""
        return Search(self, text)


class Search:
    """Finds an expression's matches in a text, one behind the other.

    Only the text around the words of the first clause is searched, since a match holds one of them.
    """

    def __init__(self, phrase: Phrase, text: str):
        self.pattern = phrase.pattern
        self.text = text
        self.match = self.pattern.match(text) if phrase.stands_at_start else None
        self.spans: Iterator[tuple[int, int]] = iter(() if phrase.stands_at_start else [(0, len(text))])
        if phrase.reach and len(text) > 2 * phrase.reach and len(lowered(text)) == len(text):
            self.spans = _around(text, [word for _, _, word, _ in phrase.clauses[0]], phrase.reach)
        self.span = next(self.spans, None)

    def next_from(self, start: int) -> re.Match[str] | None:
        """Return the first match that begins at `start` or behind; `start` never falls."""
        while self.match is None or self.match.start() < start:
            if self.span is None:
                return None
            first, last = self.span
            found = self.pattern.search(self.text, max(first, start), last) if max(first, start) < last else None
            if found is None:
                self.span = next(self.spans, None)
            else:
                whole = last == len(self.text)  # or else the span's end may have cut the match
                self.match = found if whole else self.pattern.match(self.text, found.start())
                self.span = (found.start() + 1, last)
        return self.match


def may_match(clauses: list[list[Word]], text: str, pairs: bytes) -> bool:
    """Return whether the text holds a word of each clause; `pairs` comes from `pairs_of`."""
    for words in clauses:
        for first, last, word, in_lower_case in words:
            if pairs[first] and pairs[last] and word in (lowered(text) if in_lower_case else text):
                break
        else:
            return False
    return True


@lru_cache(maxsize=2)
def pairs_of(text: str) -> bytes:
    """Return a byte for each hash of two neighbours in the lower-cased text, 1 where such stand in it.

    The last is always 1.

    A word with a pair that is not there is not in the text, which takes a tenth of the time of `word in text`.
    """
    there = np.zeros(PAIRS + 1, dtype=np.uint8)
    there[_hash_pairs(text)] = there[PAIRS] = 1
    return there.tobytes()


def _around(text: str, words: Iterable[str], reach: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text in which a match of at most `reach` characters can hold one of the words, merged."""
    places = sorted(place for word in words for place in _places(lowered(text), word))
    if not places:
        return
    first, last = places[0] - reach, places[0] + reach
    for place in places:
        if place - reach > last:
            yield max(first, 0), min(last + 1, len(text))
            first = place - reach
        last = place + reach
    yield max(first, 0), min(last + 1, len(text))


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _stands_at_start(parsed: Any) -> bool:
    """Return whether every match begins where the text does."""
    return len(parsed) > 0 and parsed[0] == (_constants.AT, _constants.AT_BEGINNING_STRING)


def _looks_around(parsed: Any) -> bool:
    """Return whether words may be required outside the match."""
    if isinstance(parsed, _parser.SubPattern):
        return any(kind is _constants.ASSERT or _looks_around(value) for kind, value in parsed)
    return isinstance(parsed, tuple | list) and any(map(_looks_around, parsed))


@lru_cache(maxsize=1)
def _lower_codes() -> npt.NDArray[np.uint32]:
    """Return, for each code point, that of its lower case, if that is a letter of Latin-1."""
    codes = np.arange(0x110000, dtype="<u4")
    for code in range(0x2200):
        if len(lower := chr(code).lower()) == 1 and lower <= LATIN_1:
            codes[code] = ord(lower)
    return codes


def _hash_pairs(text: str) -> npt.NDArray[np.uint32]:
    codes = _lower_codes().take(encode(text))
    return (codes[:-1] * FIRST_FACTOR + codes[1:] * SECOND_FACTOR) >> np.uint32(17)


def _first_and_last_pair(word: str) -> tuple[int, int]:
    hashes = _hash_pairs(word).tolist() or [PAIRS]
    return hashes[0], hashes[-1]


def _with_pairs(clauses: Iterable[Clause]) -> list[list[Word]]:
    return [[(*_first_and_last_pair(word), word, has_case(word)) for word in sorted(clause)] for clause in clauses]


def _starts(lengths: Iterable[int]) -> npt.NDArray[np.int64]:
    """Return where each of several runs of such lengths begins."""
    return np.array([0, *accumulate(lengths)][:-1], dtype=np.int64)
