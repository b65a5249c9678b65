"""From a judging model's probabilities to votes, and what its preference for a place did to them."""

from collections.abc import Iterable, Mapping
from typing import Any

from kun_recipes.data import schema
from kun_recipes.studies.judging import GRADE, PRIOR, logodds_column, probability_column
from kun_recipes.studies.votes import CRITERIA, Choice, PreferenceVote, QualityVote

Row = Mapping[str, Any]
EVEN = 0.5
"""Probability from which a criterion is met."""


def quality_votes(rows: Iterable[Row], judge: str) -> list[QualityVote]:
    """The model's vote on each pair that it judged."""
    return [
        QualityVote(
            row[schema.ID],
            judge,
            **{criterion: row[probability_column(criterion)] >= EVEN for criterion in CRITERIA},
            output=row[GRADE],
            time=0.0,
        )
        for row in rows
    ]


def preference_votes(rows: Iterable[Row], judge: str) -> list[PreferenceVote]:
    """The model's choice between each two answers: a tie where it depends on which of them is read first."""
    return [PreferenceVote(row[schema.ID], judge, _choice(row, row[PRIOR]), "a", 0.0) for row in rows]


def position_bias(rows: Iterable[Row]) -> dict[str, Any]:
    """How often the answer read first won, and how often the order decided, before and after the model's preference
    for a place was taken off its answers.

    Returns:
        judged, prior_logodds (nats for the place), and `raw` and `calibrated`: `first`, the share of both orders'
        choices that fell on the answer read first, 0.5 without bias; `disagree`, the share of the pairs on which the
        orders disagree, which count as ties.
    """
    rows = list(rows)
    if not rows:
        return {"judged": 0}
    return {
        "judged": len(rows),
        PRIOR: rows[0][PRIOR],
        "raw": _bias(rows, 0.0),
        "calibrated": _bias(rows, rows[0][PRIOR]),
    }


def _bias(rows: list[Row], prior: float) -> dict[str, float]:
    first = sum(row[logodds_column(place)] > prior for row in rows for place in ("a", "b"))
    return {
        "first": first / (2 * len(rows)),
        "disagree": sum(_choice(row, prior) == "tie" for row in rows) / len(rows),
    }


def _choice(row: Row, prior: float) -> Choice:
    a_wins_first = row[logodds_column("a")] > prior
    a_wins_second = row[logodds_column("b")] <= prior
    if a_wins_first != a_wins_second:
        return "tie"
    return "a" if a_wins_first else "b"
