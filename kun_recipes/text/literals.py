"""Find words that a text must hold for a regular expression to match anywhere in it.

`word in text` runs some fifty times faster than the expression, and most texts hold none of the words. The words are
read off the parsed expression: parts of every way through it are required, alternatives are joined by "or". They
are compared with the text in lower case, so that they hold whether or not the expression heeds case.
"""

from collections.abc import Iterable, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]  # not in typeshed
from typing import Any

MOST_WORDS = 24  # alternatives of one clause; more are split into the parts they are made of
MOST_TIMES = 8  # of a repeated word, the others are not needed to tell texts apart
FOLDED = "iskµ"  # the dotless i, the long s and Greek mu match these, but lower-case to something else
LATIN_1 = "\xff"
REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
ASSERTIONS = (_constants.AT, _constants.ASSERT_NOT)

Clause = frozenset[str]
"""Words of which the text holds at least one."""


def required_words(pattern: str, flags: int = 0) -> list[Clause]:
    """Return clauses that hold for the lower-cased text whenever the expression matches, the cheapest to check first.

    Empty when nothing can be said: the expression must be run.
    """
    return _cheapest_first(_read(_parser.parse(pattern, flags)))


def required_in_alternatives(pattern: str, flags: int = 0) -> list[list[Clause]]:
    """Return as `required_words`, for each alternative of the whole expression.

    A match holds those of one alternative.
    """
    parsed = _parser.parse(pattern, flags)
    is_branch = len(parsed) == 1 and parsed[0][0] is _constants.BRANCH
    return [_cheapest_first(_read(parts)) for parts in (parsed[0][1][1] if is_branch else [parsed])]


class _Reader:
    """Reads the parts of an expression in order.

    Attributes:
        clauses: what is known to be required.
        words: every text that the parts read since the last unknown part can match, for the next part to continue.
        whole: whether there was no unknown part, so that `words` is all that the expression can match.
    """

    def __init__(self) -> None:
        self.clauses: list[Clause] = []
        self.words: Clause = frozenset([""])
        self.whole = True

    def read(self, parts: Iterable[tuple[Any, Any]]) -> None:
        for kind, value in parts:
            self._read_part(kind, value)

    def finish(self) -> list[Clause]:
        self._end_words()
        return self.clauses

    def exact(self) -> Clause | None:
        """Return all that the expression can match, when that is known."""
        return self.words if self.whole and not self.clauses else None

    def _read_part(self, kind: Any, value: Any) -> None:
        if kind in ASSERTIONS:
            return
        if kind is _constants.LITERAL:
            self._continue(_letters([value]))
        elif kind is _constants.IN:
            self._continue(_character_set(value))
        elif kind is _constants.SUBPATTERN:
            self._read_group(value[-1])
        elif kind is _constants.ATOMIC_GROUP:
            self._read_group(value)
        elif kind is _constants.BRANCH:
            self._read_branches(value[1])
        elif kind is _constants.ASSERT:
            self.clauses += _read(value[1]).finish()  # stands somewhere in the text, and takes no place here
        elif kind in REPEATS:
            self._read_repeat(*value)
        else:
            self._end_words()

    def _read_group(self, parts: Iterable[tuple[Any, Any]]) -> None:
        group = _read(parts)
        words = group.exact()
        if words is not None:
            self._continue(words)
        else:
            self._end_words()
            self.clauses += group.finish()

    def _read_branches(self, branches: Sequence[Iterable[tuple[Any, Any]]]) -> None:
        readers = [_read(branch) for branch in branches]
        exact = [words for reader in readers if (words := reader.exact()) is not None]
        if len(exact) == len(readers):
            self._continue(frozenset().union(*exact))
            return
        self._end_words()
        clauses = [min(known, key=_cost) for reader in readers if (known := reader.finish())]
        if len(clauses) == len(readers):
            self.clauses.append(frozenset().union(*clauses))

    def _read_repeat(self, least: int, most: Any, parts: Iterable[tuple[Any, Any]]) -> None:
        body = _read(parts)
        words = body.exact()
        if words is not None and (least, most) == (0, 1):
            self._continue(words | {""})
        elif words is not None:
            for _ in range(min(least, MOST_TIMES)):
                self._continue(words)
            if most != least or least > MOST_TIMES:
                self._end_words()
        else:
            self._end_words()
            self.clauses += body.finish() if least > 0 else []

    def _continue(self, words: Clause | None) -> None:
        """Put each of the words behind each of those before; None: anything may stand here."""
        if words is None or len(words) > MOST_WORDS:
            self._end_words()
            return
        if len(self.words) * len(words) > MOST_WORDS:
            self._end_words()
        self.words = frozenset(before + after for before in self.words for after in words)

    def _end_words(self) -> None:
        if "" not in self.words:
            self.clauses.append(self.words)
        self.words, self.whole = frozenset([""]), False


def _read(parts: Iterable[tuple[Any, Any]]) -> _Reader:
    reader = _Reader()
    reader.read(parts)
    return reader


def _cheapest_first(reader: _Reader) -> list[Clause]:
    return sorted(map(_shortened, reader.finish()), key=_cost)


def _letters(codes: Iterable[int]) -> Clause | None:
    """Return the characters in lower case.

    None when one of them is also matched by what lower-cases to something else.
    """
    characters = [chr(code).lower() for code in codes]
    if any(character in FOLDED or (character > LATIN_1 and has_case(character)) for character in characters):
        return None
    return frozenset(characters)


def has_case(word: str) -> bool:
    """Return whether a word in lower case has letters that are written otherwise in upper case."""
    return word.upper() != word


def _character_set(members: Sequence[tuple[Any, Any]]) -> Clause | None:
    codes: list[int] = []
    for kind, value in members:
        if kind is _constants.LITERAL:
            codes.append(value)
        elif kind is _constants.RANGE and value[1] - value[0] < MOST_WORDS:
            codes.extend(range(value[0], value[1] + 1))
        else:
            return None
    return _letters(codes)


def _shortened(clause: Clause) -> Clause:
    """Return the clause without words that hold another of its words."""
    return frozenset(word for word in clause if not any(other in word for other in clause - {word}))


def _cost(clause: Clause) -> float:
    """Return the cost of searching for a clause: few and long words are cheap to look for and rare."""
    return len(clause) / min(map(len, clause))
