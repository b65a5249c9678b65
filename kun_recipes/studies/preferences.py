"""Results of a preference study: win rates with ties, the matrix of figure 5, the bars of figure 9, a ranking."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import choix
import numpy

from kun_recipes.studies.agreement import measure_agreement
from kun_recipes.studies.intervals import Estimate, estimate, share
from kun_recipes.studies.items import PreferenceItem
from kun_recipes.studies.votes import CHOICES, RATERS, RESAMPLES, PreferenceVote, count_votes, votes_by_item

PRIOR = 0.5
"""Votes each way that each pair of models gets before the ranking: an undefeated model's strength stays finite."""

MEAN_RATING = 1000
POINTS_PER_LOGIT = 400 / math.log(10)
"""Of a unit of log-odds: 400 points are odds of ten to one, as in chess and in Chatbot Arena."""


@dataclass(frozen=True)
class Tallies:
    """Votes by prompt: arrays of shape (prompts, models, models), of the row's model against the column's."""

    models: list[str]
    wins: numpy.ndarray
    ties: numpy.ndarray
    both_bad: numpy.ndarray

    def points(self) -> numpy.ndarray:
        """Return points of the row's model against the column's, by prompt: 1 for a win, a half for a tie."""
        return self.wins + self.ties / 2


def measure_preferences(
    items: Sequence[PreferenceItem],
    votes: Iterable[PreferenceVote],
    raters: int = RATERS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Return all results of a preference study; votes on other items than these count nowhere.

    A tie, and "both bad" where it could be chosen, is half a win for each. Intervals are over prompts: the votes on
    one prompt, and on its several pairs of models, do not stand alone.

    Returns:
        items, voted, votes, voters, prompts; `models`: by name wins, ties, losses, both_bad, win_rate and rating, the
        best first; `pairs`: the same of each pair, from the first model's side; `agreement`; `left`: the share of the
        decided votes that went to the answer shown first.
    """
    by_item = votes_by_item(items, votes)
    cast = [vote for some in by_item.values() for vote in some]
    tallies = tally(items, by_item)
    points = tallies.points()
    prompts = len(points)
    mirrored = points.transpose(0, 2, 1)
    found = points.sum(axis=0)
    rated = _rated(points, resamples, seed)
    models: dict[str, dict[str, Any]] = {
        name: {
            **_counts(tallies, index),
            "win_rate": asdict(share(points[:, index].sum(axis=1), (points + mirrored)[:, index].sum(axis=1))),
            "rating": asdict(rated[index]),
        }
        for index, name in enumerate(tallies.models)
    }
    return {
        **count_votes(by_item),
        "prompts": prompts,
        "models": dict(sorted(models.items(), key=lambda one: -(one[1]["rating"]["value"] or 0))),
        "pairs": [
            {
                "models": [tallies.models[first], tallies.models[second]],
                **_counts(tallies, first, second),
                "win_rate": asdict(share(points[:, first, second], (points + mirrored)[:, first, second])),
            }
            for first in range(len(tallies.models))
            for second in range(first + 1, len(tallies.models))
            if found[first, second] + found[second, first]
        ],
        "agreement": measure_agreement(
            [[vote.choice for vote in some] for some in by_item.values() if some], None, raters, resamples, seed
        ),
        "left": _left_share(cast),
    }


def tally(items: Sequence[PreferenceItem], by_item: dict[str, list[PreferenceVote]]) -> Tallies:
    """Return the votes by prompt; prompts without a vote are left out."""
    models = sorted({name for item in items for name in (item.model_a, item.model_b)})
    voted = [item for item in items if by_item[item.id]]
    place = {prompt: row for row, prompt in enumerate(dict.fromkeys(item.prompt for item in voted))}
    wins, ties, both_bad = (numpy.zeros((len(place), len(models), len(models))) for _ in range(3))
    for item in voted:
        row, a, b = place[item.prompt], models.index(item.model_a), models.index(item.model_b)
        counts = {choice: sum(vote.choice == choice for vote in by_item[item.id]) for choice in CHOICES}
        wins[row, a, b] += counts["a"]
        wins[row, b, a] += counts["b"]
        for one, other in ((a, b), (b, a)):
            ties[row, one, other] += counts["tie"] + counts["both_bad"]
            both_bad[row, one, other] += counts["both_bad"]
    return Tallies(models, wins, ties, both_bad)


def ratings(points: numpy.ndarray) -> numpy.ndarray:
    """Return Bradley-Terry strengths as ratings with a mean of 1000 (Bradley & Terry 1952).

    `PRIOR` votes are added each way. A model without votes has nan.
    """
    if not points.any():
        return numpy.full(len(points), numpy.nan)
    with_prior = points + PRIOR * (1 - numpy.eye(len(points)))
    strengths = choix.ilsr_pairwise_dense(with_prior)
    return MEAN_RATING + POINTS_PER_LOGIT * (strengths - strengths.mean())


def _rated(points: numpy.ndarray, resamples: int, seed: int) -> list[Estimate]:
    """Return each model's rating with its interval over prompts.

    Two prompts more are drawn from, on which of each two models that met the one won, and the other: where one always
    won, all resamples would be the same.
    """
    met = ((points + points.transpose(0, 2, 1)).sum(axis=0) > 0).astype(float)
    drawn_from = numpy.concatenate([points, [numpy.triu(met), numpy.tril(met)]])
    draws = numpy.random.default_rng(seed).integers(len(drawn_from), size=(resamples if met.any() else 0, len(points)))
    others = [ratings(drawn_from[draw].sum(axis=0)) for draw in draws]
    return [
        estimate(float(value), [float(other[model]) for other in others])
        for model, value in enumerate(ratings(points.sum(axis=0)))
    ]


def _counts(tallies: Tallies, model: int, other: int | None = None) -> dict[str, int]:
    """Return wins, ties and losses of a model, against one other or against all."""
    columns = slice(None) if other is None else other
    return {
        "wins": int(tallies.wins[:, model, columns].sum()),
        "ties": int(tallies.ties[:, model, columns].sum()),
        "losses": int(tallies.wins[:, columns, model].sum()),
        "both_bad": int(tallies.both_bad[:, model, columns].sum()),
    }


def _left_share(votes: Sequence[PreferenceVote]) -> float | None:
    decided = [vote for vote in votes if vote.choice in ("a", "b")]
    return sum(vote.choice == vote.first for vote in decided) / len(decided) if decided else None
