"""From what a page sends to what is stored, and back."""

from collections.abc import Mapping
from typing import Any

from kun_recipes.studies.votes import CRITERIA, GRADES, Choice

YES, NO = "yes", "no"
SIDES = ("left", "right")
OTHER = {"a": "b", "b": "a"}


class Unanswered(ValueError):
    """Not every question of the page is answered."""


def quality_answer(clarity: str | None, feasibility: str | None, practicality: str | None, grade: str | None) -> dict:
    """The stored answer; raises Unanswered where one is missing."""
    said = dict(zip(CRITERIA, (clarity, feasibility, practicality), strict=True))
    if any(value not in (YES, NO) for value in said.values()) or grade not in GRADES:
        raise Unanswered("an answer is missing")
    return {name: value == YES for name, value in said.items()} | {"output": grade}


def shown_quality(answer: Mapping[str, Any] | None) -> list[str | None]:
    """What the page showed when it sent an answer: three criteria and a grade; all open where there is none."""
    if answer is None:
        return [None] * (len(CRITERIA) + 1)
    return [YES if answer[name] else NO for name in CRITERIA] + [answer["output"]]


def choice_of(pressed: str, first: str) -> Choice:
    """Which of the item's answers a button of the page stands for: left and right are the page's."""
    sides = dict(zip(SIDES, (first, OTHER[first]), strict=True))
    return sides.get(pressed, pressed)
