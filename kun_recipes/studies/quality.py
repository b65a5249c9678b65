"""Results of a quality study: table 1 by source, agreement, and a label per item (Kun §4.2.2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy

from kun_recipes.studies.agreement import majority, measure_agreement
from kun_recipes.studies.intervals import share
from kun_recipes.studies.items import QualityItem
from kun_recipes.studies.votes import CRITERIA, GRADES, RATERS, RESAMPLES, QualityVote, count_votes, votes_by_item

ALL = "all"
YES, NO = "yes", "no"
OUTPUT = "output"

QUESTIONS: dict[str, Callable[[QualityVote], str]] = {
    "clarity": lambda vote: YES if vote.clarity else NO,
    "feasibility": lambda vote: YES if vote.feasibility else NO,
    "practicality": lambda vote: YES if vote.practicality else NO,
    OUTPUT: lambda vote: vote.output,
}
"""The questions about a pair, each with the answer of a vote."""

ORDERS = dict.fromkeys(CRITERIA, (YES, NO)) | {OUTPUT: GRADES}
COLUMNS = [(question, YES) for question in CRITERIA] + [(OUTPUT, grade) for grade in GRADES]
"""Of table 1: the share of the votes that gave this answer to this question."""


def measure_quality(
    items: Sequence[QualityItem],
    votes: Iterable[QualityVote],
    raters: int = RATERS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return all results of a quality study; votes on other items than these count nowhere.

    Returns:
        items, voted (items with a vote), votes, voters; `table`, table 1: by source, and "all", for each column
        "<question>_<answer>" the share of votes with its interval over items; `agreement` by question; `labels`: by
        question how many items have which majority label, "none" where no answer is ahead.
    """
    by_item = votes_by_item(items, votes)
    sources = sorted({item.source for item in items})
    rows = {source: [by_item[item.id] for item in items if item.source == source] for source in sources}
    rows[ALL] = list(by_item.values())
    answers = {question: answers_to(question, by_item) for question in QUESTIONS}
    return {
        **count_votes(by_item),
        "table": {source: _shares(some) for source, some in rows.items()},
        "agreement": {
            question: measure_agreement(given, ORDERS[question], raters, resamples, seed)
            for question, given in answers.items()
        },
        "labels": {question: _labels(question, given) for question, given in answers.items()},
    }


def answers_to(question: str, by_item: Mapping[str, Sequence[QualityVote]]) -> list[list[str]]:
    """Return the answers to one question about each item that has votes."""
    read = QUESTIONS[question]
    return [[read(vote) for vote in votes] for votes in by_item.values() if votes]


def majority_labels(question: str, by_item: Mapping[str, Sequence[QualityVote]]) -> dict[str, str | None]:
    """Return the majority label of each item that has votes."""
    read = QUESTIONS[question]
    return {item: majority([read(vote) for vote in votes]) for item, votes in by_item.items() if votes}


def _shares(items: Sequence[Sequence[QualityVote]]) -> dict[str, Any]:
    voted = [votes for votes in items if votes]
    totals = numpy.array([len(votes) for votes in voted])
    shares: dict[str, Any] = {"items": len(voted), "votes": int(totals.sum())}
    for question, answer in COLUMNS:
        counted = numpy.array([sum(QUESTIONS[question](vote) == answer for vote in votes) for votes in voted])
        shares[f"{question}_{answer}"] = asdict(share(counted, totals))
    return shares


def _labels(question: str, answers: Sequence[Sequence[str]]) -> dict[str, int]:
    labels = [majority(given) for given in answers]
    return {answer: labels.count(answer) for answer in ORDERS[question]} | {"none": labels.count(None)}
