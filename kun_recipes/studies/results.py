"""All results of a study, by who voted: people, a model, and the agreement of the two."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from kun_recipes.execution.folder import StageFolder
from kun_recipes.studies.agreement import majority, measure_agreement
from kun_recipes.studies.config import StudyConfig
from kun_recipes.studies.items import ITEMS, PREFERENCE, QUALITY, PreferenceItem, QualityItem
from kun_recipes.studies.judging import criterion_bias, position_bias, preference_votes, quality_votes
from kun_recipes.studies.pipelines import read_judged
from kun_recipes.studies.preferences import measure_preferences
from kun_recipes.studies.quality import ORDERS, QUESTIONS, majority_labels, measure_quality
from kun_recipes.studies.votes import RATERS, RESAMPLES, PreferenceVote, QualityVote, votes_by_item

Items = Mapping[str, Sequence[QualityItem | PreferenceItem]]
"""By task, "quality" and "preference"; a task that the study does not have is left out, or empty."""

Votes = Mapping[str, Sequence[QualityVote | PreferenceVote]]

MEASURES: dict[str, Callable[..., dict[str, Any]]] = {QUALITY: measure_quality, PREFERENCE: measure_preferences}


def measure_study(
    items: Items, votes: Votes, raters: int = RATERS, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return the results of both tasks, by task; None for a task without a vote."""
    return {
        task: measure(items[task], votes[task], raters, resamples, seed) if votes.get(task) else None
        for task, measure in MEASURES.items()
    }


def count_unknown_items(items: Items, votes: Votes) -> int:
    """Count the votes on items that are not among these."""
    known = {task: {item.id for item in some} for task, some in items.items()}
    return sum(vote.item not in known.get(task, ()) for task, some in votes.items() for vote in some)


def compare_voters(items: Items, people: Votes, model: Votes, resamples: int = RESAMPLES, seed: int = 0) -> dict:
    """Measure how far a model's votes agree with people's majority labels, by question.

    Items without a majority, or without votes of both, are left out and counted.
    """
    pairs: dict[str, tuple[list[dict[str, str | None]], Sequence[str] | None]] = {}
    if people.get(QUALITY) and model.get(QUALITY):
        sides = [votes_by_item(items[QUALITY], votes[QUALITY]) for votes in (people, model)]
        for question in QUESTIONS:
            pairs[question] = [majority_labels(question, side) for side in sides], ORDERS[question]
    if people.get(PREFERENCE) and model.get(PREFERENCE):
        sides = [votes_by_item(items[PREFERENCE], votes[PREFERENCE]) for votes in (people, model)]
        labels = [
            {item: majority([_decision(vote) for vote in votes]) for item, votes in side.items() if votes}
            for side in sides
        ]
        pairs[PREFERENCE] = labels, None
    return {
        question: _compare(ours, theirs, order, resamples, seed) for question, ((ours, theirs), order) in pairs.items()
    }


def _decision(vote: PreferenceVote) -> str:
    """Return a model cannot say that both are bad: it is a tie, here as in the win rates."""
    return "tie" if vote.choice == "both_bad" else vote.choice


def _compare(people: Mapping, model: Mapping, order: Sequence[str] | None, resamples: int, seed: int) -> dict:
    both = [item for item in people if people[item] is not None and model.get(item) is not None]
    answers = [[people[item], model[item]] for item in both]
    measured = measure_agreement(answers, order, 2, resamples, seed)
    kept = ("items", "percent", "fleiss_kappa", "alpha_nominal", "alpha_ordinal")
    return {"left_out": len(people) - len(both)} | {name: measured[name] for name in kept if name in measured}


def study_results(
    config: StudyConfig, stage: StageFolder, items: Items, people: Votes | None, judge: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the content of results.json.

    Args:
        people: votes of people, or None.
        judge: what the stage knows about the model that judged, or None.

    Returns:
        items by task; `people` and `judge`, None where they did not vote: `votes`, the results by task; of people how
        many votes are on items that are not of this study (`left_out`); of the judge its name, its liking for yes
        (`criteria`) and for a place (`position`), and how many items it had a hand in (`self_judged`); `compared`, the
        agreement of the two by question, empty without one of them.
    """
    options = {"raters": config.raters, "resamples": config.bootstrap, "seed": config.seed}
    results: dict[str, Any] = {
        "items": {task: len(some) for task, some in items.items()},
        "raters": config.raters,
        "people": {"votes": measure_study(items, people, **options), "left_out": count_unknown_items(items, people)}
        if people
        else None,
        "judge": None,
        "compared": {},
    }
    if judge:
        rows = {task: read_judged(stage, task) for task in ITEMS}
        votes: Votes = {
            QUALITY: quality_votes(rows[QUALITY], judge["name"]),
            PREFERENCE: preference_votes(rows[PREFERENCE], judge["name"]),
        }
        own = set(judge["own_models"])
        compared = cast(Sequence[PreferenceItem], items[PREFERENCE])  # the items of a task are all of its kind
        results["judge"] = {
            "name": judge["name"],
            "votes": measure_study(items, votes, **options),
            "criteria": criterion_bias(rows[QUALITY]),
            "position": position_bias(rows[PREFERENCE]),
            "self_judged": {
                QUALITY: judge["own_pairs"],
                PREFERENCE: sum(bool({item.model_a, item.model_b} & own) for item in compared),
            },
        }
        if people:
            results["compared"] = compare_voters(items, people, votes, config.bootstrap, config.seed)
    return results
