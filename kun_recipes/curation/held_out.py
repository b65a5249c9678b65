"""Segments that no round labels for its dataset: the models of all rounds go over the same ones, to be compared.

<label_dir>/held_out/segments/rows        the segments
<label_dir>/held_out/, <refine_dir>/held_out/   what label and refine make of them, as of any others

One candidate is written to each, greedily, so that no luck of the draw parts two rounds. Bounds, rules and judges are
the stage's own, but for the share of lowest fit: it would remove as many of any round's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from pathlib import Path
from typing import Any

from datatrove.data import Document

from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.curation.parts import MOST_HELD_OUT
from kun_recipes.data import schema
from kun_recipes.data.folders import HELD_OUT
from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.rows import read_rows, write_shards
from kun_recipes.execution.summaries import finished_summary

_SALT = "held-out segments\0"
OWN: dict[str, Any] = {"temperature": 0.0, "candidate_temperature": None, "push_to": None}
OWN |= dict.fromkeys(("subset", "split", "columns"))  # of a dataset that the stage copied

Row = dict[str, Any]


def choose_segments(config: LabelConfig) -> list[Row]:
    """Return the held-out segments, those of lowest hash; none in a run of one round.

    They depend on the segments alone, so that a round added later has the same.
    """
    most, count = config.most_held_out(), 0
    if not most:
        return []

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in read_rows(config.segments):
            count += 1
            yield row

    chosen = nsmallest(most, counted(), key=lambda row: choice_hash(row[schema.ID], _SALT))
    return chosen[: int(count * MOST_HELD_OUT)]


def segments_folder(label: str | Path) -> Path:
    """Return the folder of the held-out segments' rows in that of a label stage."""
    return Path(label, HELD_OUT, "segments", "rows")


def held_out_segments(label: str | Path) -> Iterator[Row]:
    """Yield the held-out segments of a label stage; none of one that has none."""
    folder = segments_folder(label)
    if folder.is_dir():
        yield from read_rows(folder)


def to_label(config: LabelConfig, segments: Sequence[Row]) -> LabelConfig:
    """Write the held-out segments into the stage's folder, and return the config that labels them."""
    folder = segments_folder(config.output_dir)
    rows = ({**row} for row in segments)
    documents = [Document(row.pop(schema.TEXT), row.pop(schema.ID), metadata=row) for row in rows]
    write_shards(documents, folder, len(documents))
    return replace(
        config,
        segments=str(folder),
        output_dir=str(Path(config.output_dir, HELD_OUT)),
        round=None,
        candidates=1,
        min_fit_percentile=None,
        **OWN,
    )


def to_refine(config: RefineConfig) -> RefineConfig | None:
    """Return the config that refines the held-out segments that label kept; None if it kept none."""
    labelled, folder = Path(config.candidates).with_name(HELD_OUT), Path(config.output_dir, HELD_OUT)
    if not segments_folder(labelled.parent).is_dir() or not finished_summary(labelled)["rows_kept"]:
        return None
    return replace(
        config,
        candidates=str(labelled / "rows"),
        output_dir=str(folder),
        dataset_dir=str(folder / "dataset"),
        answer_candidates=1,
        **OWN,
    )
