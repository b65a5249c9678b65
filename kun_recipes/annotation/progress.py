"""Progress of a study by task and by annotator, and the agreement of its annotators."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kun_recipes.annotation.storage import Database, Vote
from kun_recipes.studies.agreement import measure_agreement
from kun_recipes.studies.items import PREFERENCE, QUALITY
from kun_recipes.studies.quality import ORDERS, QUESTIONS

TASKS = """
SELECT task, count(*) AS items, sum(votes) AS votes, sum(votes >= :wanted) AS finished FROM (
    SELECT items.task, (
        SELECT count(*) FROM assignments
        WHERE task = items.task AND item = items.item AND state = 'voted'
    ) AS votes FROM items
) GROUP BY task ORDER BY task DESC
"""
ANNOTATORS = """
SELECT annotator, task, count(*) AS votes, max(time) AS last FROM assignments
JOIN votes ON votes.assignment = assignments.id WHERE state = 'voted' GROUP BY annotator, task
"""


@dataclass(frozen=True)
class TaskProgress:
    """Progress of one task: numbers of items, of votes, and of items with all the votes they need."""

    task: str
    items: int
    votes: int
    wanted: int
    finished: int


@dataclass(frozen=True)
class AnnotatorProgress:
    """Progress of one annotator: votes per task, and the time of the last vote in seconds since 1970 (UTC)."""

    name: str
    votes: Mapping[str, int]
    last: float | None


def by_task(database: Database, votes_per_item: int) -> list[TaskProgress]:
    rows = database.read().execute(TASKS, {"wanted": votes_per_item})
    return [
        TaskProgress(row["task"], row["items"], row["votes"], row["items"] * votes_per_item, row["finished"])
        for row in rows
    ]


def by_annotator(database: Database, names: Iterable[str]) -> list[AnnotatorProgress]:
    """Return the progress of each annotator with a link, in the order of the config, then of other voters."""
    votes: dict[str, dict[str, int]] = defaultdict(dict)
    last: dict[str, float] = {}
    for row in database.read().execute(ANNOTATORS):
        votes[row["annotator"]][row["task"]] = row["votes"]
        last[row["annotator"]] = max(row["last"], last.get(row["annotator"], 0))
    return [AnnotatorProgress(name, votes.get(name, {}), last.get(name)) for name in dict.fromkeys([*names, *votes])]


def agreement(votes: Mapping[str, Sequence[Vote]], raters: int) -> dict[str, dict[str, Any]]:
    """Return agreement on each question that has votes, as `studies.agreement` measures it.

    Without intervals: those take seconds, and the study stage gives them.
    """
    found = {}
    if votes[QUALITY]:
        for question, read in QUESTIONS.items():
            found[question] = measure_agreement(_answers(votes[QUALITY], read), ORDERS[question], raters, resamples=0)
    if votes[PREFERENCE]:
        answers = _answers(votes[PREFERENCE], lambda vote: vote.choice)
        found["choice"] = measure_agreement(answers, None, raters, resamples=0)
    return found


def _answers(votes: Sequence[Vote], read: Callable[[Any], str]) -> list[list[str]]:
    by_item: dict[str, list[str]] = defaultdict(list)
    for vote in votes:
        by_item[vote.item].append(read(vote))
    return list(by_item.values())
