"""All that is compared between two rounds: what lies in their folders, and what their models say of held-out pairs."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kun_recipes.curation.measures import area_under_roc
from kun_recipes.data import schema
from kun_recipes.data.folders import JUDGES, without_paths
from kun_recipes.data.pairs import Pair
from kun_recipes.evaluation.columns import REFERENCE_LOGPROB
from kun_recipes.rounds import intervals
from kun_recipes.rounds.changes import Better, Change, counted, mean
from kun_recipes.rounds.config import LOSSES
from kun_recipes.rounds.held_out import LIKENESS, REFERENCE_PRIOR, Records
from kun_recipes.rounds.rows import SIGNALS, RoundRows
from kun_recipes.rules.forms import FORMS, Form
from kun_recipes.statistics.tally import compare_grams

NATS = "nats per token"

Two = tuple[Any, Any]
"""A value of the earlier round, and one of the later."""


@dataclass(frozen=True)
class Bootstrap:
    """Options of the bootstrap."""

    resamples: int
    seed: int


def held_out_changes(
    label: tuple[Records, Records], chat: tuple[Records, Records], bootstrap: Bootstrap
) -> Iterator[Change]:
    """Yield what the models of both rounds say of the same held-out pairs."""

    def paired(
        name: str, title: str, unit: str, better: Better, records: Two, value: Callable[[Any], float]
    ) -> Change:
        both = sorted(records[0].keys() & records[1].keys())
        before, after = ([value(one[key]) for key in both] for one in records)
        change = Change(name, title, unit, better, counted(len(both), "held-out pair"), mean(before), mean(after))
        return change.with_interval(intervals.paired(before, after, bootstrap.resamples, bootstrap.seed))

    def loss(record: Mapping[str, float]) -> float:
        return -record[REFERENCE_LOGPROB]

    def fit(record: Mapping[str, float]) -> float:
        return record[REFERENCE_LOGPROB] - record[REFERENCE_PRIOR]

    yield paired(LOSSES["label_model"], "label model's loss", NATS, "lower", label, loss)
    yield paired(LOSSES["primary_chat_model"], "chat model's loss", NATS, "lower", chat, loss)
    yield paired("human_fit", "fit of people's instructions", NATS, "higher", label, fit)
    likeness = "likeness of its instructions to people's (chrF)"
    yield paired("likeness", likeness, "", "higher", label, lambda record: record[LIKENESS])


def judge_changes(
    before: Path, after: Path, rounds: tuple[RoundRows, RoundRows], bootstrap: Bootstrap
) -> Iterator[Change]:
    """Yield the areas under the ROC curve of the judges that both rounds measured.

    Args:
        before, after: folders of the refine stages.
    """
    measured = [_measured(folder / JUDGES) for folder in (before, after)]
    same_data = _asked(rounds[0], "judge_data") == _asked(rounds[1], "judge_data")
    for judge in (name for name in measured[0] if name in measured[1]):
        first, second = (found[judge]["held_out"] for found in measured)
        areas = [area_under_roc(one["log_odds"], one["right"]) for one in (first, second)]
        title = "AUC of support" if judge == "support" else f"AUC of the {judge} judge"
        is_same = same_data and first["right"] == second["right"]
        number = len(second["right"])
        items = counted(number, "held-out item") if is_same else f"{counted(number, 'item')}, others than before"
        change = Change(f"auc_{judge}", title, "", "higher", items, *areas)
        if is_same:
            scores = first["log_odds"], second["log_odds"], first["right"]
            change = change.with_interval(intervals.paired_areas(*scores, bootstrap.resamples, bootstrap.seed))
        yield change


def _measured(path: Path) -> dict[str, Any]:
    """Return what the judges said of labelled items; nothing of a round that had no candidate to judge."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def row_changes(rounds: tuple[RoundRows, RoundRows], repeated: int | None) -> Iterator[Change]:
    """Yield what the rounds kept, and what that is like; each has rows of its own.

    Args:
        repeated: instructions of the later round that are near duplicates of earlier ones.
    """
    share = partial(_share_change, rounds)
    yield share("kept_label", "kept by label", lambda one: (one.label["rows_kept"], one.label["rows_in"]), "segment")
    yield share(
        "kept_refine", "kept by refine", lambda one: (one.refine["rows_kept"], one.refine["rows_in"]), "candidate"
    )
    yield from _precision_changes(rounds)
    if not all(one.rows for one in rounds):
        return
    on = _on((one.rows for one in rounds), "kept row")
    samples: dict[str, Sequence[Pair]] = {str(place): one.sample.pairs() for place, one in enumerate(rounds)}
    distinct = [found for _, found in sorted(compare_grams(samples).items())]
    for column in (schema.INSTRUCTION, schema.OUTPUT):
        shares = [found[column]["distinct_2"] for found in distinct]
        letters = f"{distinct[0][column]['characters']:,} letters"
        yield Change(f"distinct_2_{column}", f"distinct bigrams of {column}s", "", "higher", letters, *shares)
    if repeated is not None:
        own = counted(rounds[1].rows, "kept row")
        title = "near duplicates of earlier instructions"
        yield Change("repeated", title, "", "lower", own, None, repeated / rounds[1].rows)
    for column in (schema.INSTRUCTION, schema.OUTPUT):
        lengths = [one.lengths[column] for one in rounds]
        change = Change(f"length_{column}", f"length of {column}s", "tokens", "neither", on, *map(mean, lengths))
        yield change.with_interval(intervals.means(*lengths))
    for form in FORMS:
        yield share(f"form_{form}", f"instructions by form: {form}", partial(_of_form, form), "kept row")


def _of_form(form: Form, one: RoundRows) -> tuple[int, int]:
    return one.forms[form], one.rows


def _precision_changes(rounds: Two) -> Iterator[Change]:
    """Yield the precision by the verification's own estimates; nothing of rounds without it."""
    verified = [one.refine.get("verification") for one in rounds]
    if all(verified):
        title, items = "precision of the checks", counted(verified[1]["items"], "labelled answer")
        bounds = [tuple(one[f"precision{end}"] for end in ("", "_low", "_high")) for one in verified]
        change = Change("precision_labelled", title, "", "higher", items, *(value for value, _, _ in bounds))
        yield change.with_interval(intervals.of_bounds(*bounds))
    for signal in SIGNALS:
        right = [one.right[signal] for one in rounds]
        if all(right):
            title, on = f"P(right answer), by {signal}", _on(map(len, right), "kept row")
            change = Change(f"precision_{signal}", title, "", "higher", on, *map(mean, right))
            yield change.with_interval(intervals.means(*right))


def _share_change(
    rounds: Two, name: str, title: str, counts: Callable[[RoundRows], tuple[int, int]], of: str
) -> Change:
    before, after = map(counts, rounds)
    values = [part / whole if whole else None for part, whole in (before, after)]
    change = Change(name, title, "", "neither", _on((before[1], after[1]), of), *values)
    return change.with_interval(intervals.shares(before, after))


def _asked(one: RoundRows, option: str) -> Any:
    return without_paths(one.refine["config"].get(option))


def _on(counts: Iterable[int], noun: str) -> str:
    first, second = counts
    return f"{first:,} and {counted(second, noun)}"
