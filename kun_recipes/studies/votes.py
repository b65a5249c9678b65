"""What annotators, people or a model, said about an item."""

from dataclasses import dataclass
from typing import Literal

Choice = Literal["a", "b", "tie", "both_bad"]
Grade = Literal["excellent", "pass", "fail"]

RATERS = 3
"""Annotators an item (Kun §4.2.2)."""

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
