"""Likely personal names: counted, never masked.

Their shape alone is not evidence: a word next to it is needed.
"""

import re

from kun_recipes.privacy.settings import NameWords, Span, stands_after, stands_before
from kun_recipes.text.views import HAN

NO_GIVEN = "的了是在和与及或说不有就都也很这那哪个们着过把被从对为其所每各某先女老"  # 王先生 and 李老师 name nobody
GIVEN = [re.compile(rf"(?:(?![{NO_GIVEN}])[{HAN}]){{{length}}}") for length in (1, 2)]
CLAUSE_START = re.compile(rf"(?:[^{HAN}A-Za-z0-9]|\A)\Z")
BEHIND_ROLE = re.compile(rf"[^{HAN}]|\Z|[在和与及于的因把被将从以为是当也就曾已上向对]|[{HAN}]{{1,2}}[了着过]")
"""After a name with a role, the sentence continues but not the word: no 学生成绩按."""


def find_names(text: str, words: NameWords) -> list[Span]:
    """Return likely personal names in order: a surname and one or two characters of a given name.

    A title behind one makes it likely, a role before it (记者, 联系人), or a verb of speech where it opens a clause.
    """
    spans: list[Span] = []
    for surname in words.surnames.finditer(text) if words.surnames else ():
        is_free = not spans or surname.start() >= spans[-1][1]
        if is_free and not (words.no_names and words.no_names.match(text, surname.start())):
            ends = (given.end() for pattern in GIVEN if (given := pattern.match(text, surname.end())))
            spans += [(surname.start(), end) for end in ends if _is_name(text, surname.start(), end, words)][:1]
    return spans


def _is_name(text: str, start: int, end: int, words: NameWords) -> bool:
    if stands_after(words.title_after, text, end):
        return True
    speaks = stands_after(words.verb_after, text, end)
    if stands_before(words.role_before, text, start):
        return speaks or BEHIND_ROLE.match(text, end) is not None
    return speaks and CLAUSE_START.search(text[max(0, start - 1) : start]) is not None
