"""Preference pairs from finished rows: the answer that was kept, and a worse one. No model is asked for them.

A row's worse answer is, in this order,
1. of several answers to its instruction (`answer_candidates`), one that the rules keep and verification turned down;
2. the raw segment: polishing exists because a web passage is not an answer (Kun §3.3). This was not measured.

A pair of two answers that differ in blanks and punctuation alone teaches nothing, and is left out.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter

from kun_recipes.curation.choosing import Merits, first_fault
from kun_recipes.data import schema
from kun_recipes.data.columns import PREFERENCE
from kun_recipes.data.parquet import SplitWriter
from kun_recipes.data.rows import read_rows
from kun_recipes.text.views import letters, narrow

TURNED_DOWN, SEGMENT = "turned_down", "segment"
"""Origins of a worse answer."""

NOT_POLISHED = "not_polished"
"""Reason why a raw segment is the worse answer."""

SAME, UNAIDED = "same_as_chosen", "written_without_segment"
"""Reasons why a row has no pair."""

SPLIT = "train"

Row = dict[str, Any]


class NoteTurnedDown(PipelineStep):
    """Note in each of several candidates for a row the worst answer that the rules keep and verification turned down.

    Adds rejected_output, rejected_support, rejected_probability and rejected_reason where there is such an answer.
    The worst is the one of least merits, and of equals the first.

    Args:
        checks: the blocks that drop rows whatever their segments say of the answers.
        verdicts: the blocks of verification that drop what it turned down.
        merits: those by which the best is chosen.
    """

    name = "👎 turned down"
    type = "🏷️ - NOTE"

    def __init__(self, checks: Sequence[BaseFilter], verdicts: Sequence[BaseFilter], merits: Merits):
        super().__init__()
        self.checks, self.verdicts, self.merits = checks, verdicts, merits

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> DocumentsPipeline:
        for _, rows in groupby(data, key=lambda doc: doc.id):
            candidates = list(rows)
            if len(candidates) > 1 and (found := list(self._turned_down(candidates))):
                _, worst = min(found, key=lambda one: one[0])
                for doc in candidates:
                    doc.metadata |= worst
            yield from candidates

    def _turned_down(self, candidates: Sequence[Document]) -> Iterator[tuple[tuple[float, ...], Row]]:
        for doc in candidates:
            checked, fault = first_fault(doc, self.checks)
            if fault is not None:
                continue
            _, reason = first_fault(checked, self.verdicts)
            if reason is not None:
                yield (
                    self.merits(doc),
                    {
                        schema.REJECTED_OUTPUT: checked.metadata[schema.OUTPUT],
                        schema.REJECTED_SUPPORT: checked.metadata.get(schema.SUPPORT),
                        schema.REJECTED_PROBABILITY: checked.metadata.get(schema.ANSWER_PROBABILITY),
                        schema.REJECTED_REASON: reason,
                    },
                )


def pair_of(row: Mapping[str, Any], answers: str) -> Row | str:
    """Return the preference pair of a finished row, or the reason why it has none.

    Args:
        answers: how the answers were written: polished, unaided or raw. Of an unaided answer it is unknown whether it
            is better than the segment.
    """
    if answers == "unaided":
        return UNAIDED
    rejected = row.get(schema.REJECTED_OUTPUT)
    origin, reason = (SEGMENT, NOT_POLISHED) if rejected is None else (TURNED_DOWN, row[schema.REJECTED_REASON])
    rejected = row[schema.TEXT] if rejected is None else rejected
    if _plain(rejected) == _plain(row[schema.OUTPUT]):
        return SAME
    return {
        schema.ID: row[schema.ID],
        schema.SOURCE: row[schema.SOURCE],
        "prompt": [{"role": "user", "content": row[schema.INSTRUCTION]}],
        "chosen": [{"role": "assistant", "content": row[schema.OUTPUT]}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "score_chosen": row.get(schema.SUPPORT),
        "score_rejected": row.get(schema.REJECTED_SUPPORT),
        "judge_chosen": row.get(schema.ANSWER_PROBABILITY),
        "judge_rejected": row.get(schema.REJECTED_PROBABILITY),
        "rejected_from": origin,
        "reason": reason,
    }


def _plain(text: str) -> str:
    return letters(narrow(text))


class PairCounts:
    """Counts of the pairs that rows have, by origin of the worse answer, and of those left out, by reason."""

    def __init__(self) -> None:
        self.rejected_from: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()

    def pairs(self, rows: Iterable[Mapping[str, Any]], answers: str) -> Iterator[Row]:
        """Yield the pairs of rows, counted."""
        for row in rows:
            pair = pair_of(row, answers)
            if isinstance(pair, str):
                self.left_out[pair] += 1
            else:
                self.rejected_from[pair["rejected_from"]] += 1
                yield pair

    def summary(self) -> dict[str, Any]:
        return {
            "pairs": self.rejected_from.total(),
            "rejected_from": dict(sorted(self.rejected_from.items())),
            "left_out": dict(sorted(self.left_out.items())),
        }


def write_pairs(rows: Path, answers: str, folder: Path) -> dict[str, Any]:
    """Write the pairs of finished rows as `<folder>/train-00000-of-00001.parquet`; return their counts.

    An earlier folder is replaced. Without pairs no file is written.
    """
    counts = PairCounts()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with SplitWriter(folder, PREFERENCE) as splits:
        for pair in counts.pairs(read_rows(rows), answers):
            splits.add(SPLIT, pair)
    return counts.summary()
