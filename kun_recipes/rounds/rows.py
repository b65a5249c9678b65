"""Rows of a round, measured: how many it kept, how likely they are right, how long, of which form, how diverse."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.utils.batching import batched
from scipy.special import expit

from kun_recipes.corpus.deduplication import NearDuplicateSettings, run_minhash
from kun_recipes.corpus.deduplication.found import read_found
from kun_recipes.data import schema
from kun_recipes.data.pairs import Pair, Sample
from kun_recipes.data.rows import read_rows
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.rules.forms import load_forms

CountTokens = Callable[[Sequence[str]], list[int]]
ROWS_AT_ONCE = 1024
SIGNALS = {"support": schema.SUPPORT, "answer": schema.ANSWER_CALIBRATED}
"""Columns of what a verification fits probabilities to, by the names of its signals."""


@dataclass
class RoundRows:
    """Kept rows of a round.

    Attributes:
        label, refine: summaries of the stages.
        lengths: tokens of each instruction and output.
        right: by signal, the probability that each answer is right, fitted to labelled ones.
        sample: pairs by hash.
    """

    label: Mapping[str, Any]
    refine: Mapping[str, Any]
    sample: Sample
    lengths: dict[str, list[int]] = field(
        default_factory=lambda: {column: [] for column in (schema.INSTRUCTION, schema.OUTPUT)}
    )
    forms: Counter[str] = field(default_factory=Counter)
    right: dict[str, list[float]] = field(default_factory=lambda: {signal: [] for signal in SIGNALS})

    @property
    def rows(self) -> int:
        return self.forms.total()


def read_round(folder: str, count_tokens: CountTokens, sample_rows: int) -> RoundRows:
    """Measure the rows that a round's refine stage kept, in one pass."""
    label, refine = (finished_summary(Path(folder, stage)) for stage in ("label", "refine"))
    judges = {signal: judge for signal, judge in refine["judges"].items() if signal in SIGNALS}
    found, forms = RoundRows(label, refine, Sample(sample_rows)), load_forms()
    for batch in batched(kept_rows(folder), ROWS_AT_ONCE):
        for column, lengths in found.lengths.items():
            lengths += count_tokens([row[column] for row in batch])
        for row in batch:
            found.sample.add(Pair(row[schema.INSTRUCTION], row[schema.OUTPUT], id=row[schema.ID]))
            found.forms[forms.classify(row[schema.INSTRUCTION]).form] += 1
            for signal, judge in judges.items():
                if (right := probability_right(row, signal, judge)) is not None:
                    found.right[signal].append(right)
    return found


def probability_right(row: Mapping[str, Any], signal: str, judge: Mapping[str, Any]) -> float | None:
    """Return the probability that a row's answer is right, as fitted to labelled answers; None if it was not measured.

    Args:
        judge: the calibration of the signal, as the refine stage's summary holds it.
    """
    value = row.get(SIGNALS[signal])
    return None if value is None else float(expit(judge["slope"] * value + judge["intercept"]))


def kept_rows(folder: str) -> Iterator[dict[str, Any]]:
    """Yield the rows that a round's refine stage kept; it may have removed them all."""
    stage = Path(folder, "refine")
    if finished_summary(stage)["rows_kept"]:
        yield from read_rows(stage / "rows")


def count_repeated(rounds: Sequence[str], scratch: Path, settings: NearDuplicateSettings | None = None) -> int:
    """Count the instructions of the last round that are near duplicates of one of an earlier round.

    Found as the corpus stage finds them among segments; an instruction shorter than an n-gram has no near duplicate.

    Args:
        rounds: folders, in order.
        scratch: folder for signatures; emptied before and after.
    """
    files = [_instructions(folder, number) for number, folder in enumerate(rounds)]
    found = run_minhash(files, scratch, settings or NearDuplicateSettings()).found
    last = len(rounds) - 1
    repeated = sum(not kept.startswith(f"{last}/") for _, kept in read_found(found, last))
    shutil.rmtree(scratch)
    return repeated


def _instructions(folder: str, number: int) -> Iterator[Document]:
    """Yield the instructions that a round kept, with the round's number before their ids."""
    for row, kept in enumerate(kept_rows(folder)):
        yield Document(kept[schema.INSTRUCTION], f"{number}/{row}")
