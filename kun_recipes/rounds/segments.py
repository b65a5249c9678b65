"""The same held-out segments in two rounds: what label and refine made of them, which no round has in its dataset."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from kun_recipes.curation.held_out import held_out_segments
from kun_recipes.data import schema
from kun_recipes.data.folders import HELD_OUT
from kun_recipes.data.rows import read_rows
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.rounds import intervals
from kun_recipes.rounds.changes import Better, Change, counted, mean
from kun_recipes.rounds.comparison import Bootstrap
from kun_recipes.rounds.rows import SIGNALS, probability_right
from kun_recipes.text.grams import gram_hashes, letter_codes

Rows = dict[str, dict[str, Any]]
"""Rows by the ids of their segments."""

GRAM = 2
"""Letters of an n-gram."""


@dataclass(frozen=True)
class Outcome:
    """Rows that a round made of the held-out segments.

    Attributes:
        segments: their ids.
        written: rows with an instruction.
        candidates, kept: those that label kept, and those that refine kept of these.
        judges: calibrations of the refine stage.
    """

    segments: frozenset[str]
    written: Rows
    candidates: Rows
    kept: Rows
    judges: Mapping[str, Mapping[str, Any]]

    def right(self, signal: str, ids: Sequence[str]) -> list[float]:
        """Return the probabilities that kept answers are right, those that the signal was measured of."""
        if (judge := self.judges.get(signal)) is None:
            return []
        found = (probability_right(self.kept[row_id], signal, judge) for row_id in ids)
        return [one for one in found if one is not None]


def read_outcome(folder: str) -> Outcome | None:
    """Return what a round made of its held-out segments; None if it has none."""
    label, refine = (Path(folder, stage, HELD_OUT) for stage in ("label", "refine"))
    segments = frozenset(row[schema.ID] for row in held_out_segments(label.parent))
    if not segments:
        return None
    candidates = _kept(label)
    return Outcome(
        segments,
        _by_id(row for row in read_rows(label / "measured") if schema.INSTRUCTION in row),
        candidates,
        _kept(refine) if candidates else {},
        finished_summary(refine)["judges"] if candidates else {},
    )


def _kept(stage: Path) -> Rows:
    return _by_id(read_rows(stage / "rows")) if finished_summary(stage)["rows_kept"] else {}


def _by_id(rows: Iterable[dict[str, Any]]) -> Rows:
    return {row[schema.ID]: row for row in rows}


def segment_changes(before: Outcome | None, after: Outcome | None, bootstrap: Bootstrap) -> Iterator[Change]:
    """Yield what changed on the same held-out segments; nothing where the rounds have no such segments."""
    if before is None or after is None or before.segments != after.segments:
        return
    segments = sorted(before.segments)
    written = [one for one in segments if one in before.written and one in after.written]
    both = [one for one in segments if one in before.kept and one in after.kept]
    on, on_written, on_both = (counted(len(ids), "held-out segment") for ids in (segments, written, both))
    on_both += " that both kept"

    def paired(name: str, title: str, better: Better, on: str, values: Callable[[Outcome], Sequence[float]]) -> Change:
        first, second = values(before), values(after)
        change = Change(f"held_out_{name}", title, "", better, on, mean(first), mean(second))
        return change.with_interval(intervals.paired(first, second, bootstrap.resamples, bootstrap.seed))

    def kept(name: str, title: str, rows: Callable[[Outcome], Rows]) -> Change:
        return paired(name, title, "neither", on, lambda one: [float(row_id in rows(one)) for row_id in segments])

    def distinct(column: str, ids: Sequence[str], on: str, rows: Callable[[Outcome], Rows]) -> Change:
        title = f"bigrams of {column}s that no other one has"

        def shares(one: Outcome) -> list[float]:
            return distinct_shares([rows(one)[row_id][column] for row_id in ids])

        return paired(f"distinct_{column}", title, "higher", on, shares)

    yield kept("kept_label", "kept by label, same segments", lambda one: one.candidates)
    yield kept("kept_refine", "kept by label and refine, same segments", lambda one: one.kept)
    for signal in SIGNALS:
        right = partial(Outcome.right, signal=signal, ids=both)
        if both and len(right(before)) == len(right(after)) == len(both):
            title = f"P(right answer), by {signal}, same segments"
            yield paired(f"precision_{signal}", title, "higher", on_both, right)
    yield distinct(schema.INSTRUCTION, written, on_written, lambda one: one.written)
    yield distinct(schema.OUTPUT, both, on_both, lambda one: one.kept)


def distinct_shares(texts: Sequence[str]) -> list[float]:
    """Return for each text the share of its bigrams of letters that no other of the texts has."""
    grams = [set(gram_hashes(letter_codes(text), GRAM).tolist()) for text in texts]
    found = Counter(chain.from_iterable(grams))
    return [sum(found[gram] == 1 for gram in one) / len(one) if one else 0.0 for one in grams]
