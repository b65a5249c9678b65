"""Votes on items by annotators, people or a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Choice = Literal["a", "b", "tie", "both_bad"]
Grade = Literal["excellent", "pass", "fail"]

RATERS = 3
"""Annotators per item (Kun §4.2.2)."""

RESAMPLES = 1000
"""Bootstrap resamples behind an interval."""

CRITERIA = ("clarity", "feasibility", "practicality")
GRADES: tuple[Grade, ...] = ("excellent", "pass", "fail")
CHOICES: tuple[Choice, ...] = ("a", "b", "tie", "both_bad")


@dataclass(frozen=True)
class QualityVote:
    """One annotator's judgement of one pair (Kun §4.2.2): the instruction by three criteria, the output by a grade.

    Attributes:
        item: id of the item.
        annotator: a pseudonym; for a model its name.
        time: seconds since 1970 (UTC).
    """

    item: str
    annotator: str
    clarity: bool
    feasibility: bool
    practicality: bool
    output: Grade
    time: float


@dataclass(frozen=True)
class PreferenceVote:
    """One annotator's choice between two answers (Kun §4.2.3).

    Attributes:
        choice: of the item's answers a and b, whichever stood left.
        first: the answer that stood left, or was read first.
    """

    item: str
    annotator: str
    choice: Choice
    first: Literal["a", "b"]
    time: float


def votes_by_item(items: Sequence[Any], votes: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the votes on each item in order of time, possibly empty."""
    by_item: dict[str, list[Any]] = {item.id: [] for item in items}
    for vote in sorted(votes, key=lambda vote: (vote.time, vote.annotator)):
        if vote.item in by_item:
            by_item[vote.item].append(vote)
    return by_item


def count_votes(by_item: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """Count items, items with a vote, votes and annotators."""
    cast = [vote for some in by_item.values() for vote in some]
    return {
        "items": len(by_item),
        "voted": sum(bool(some) for some in by_item.values()),
        "votes": len(cast),
        "voters": len({vote.annotator for vote in cast}),
    }
