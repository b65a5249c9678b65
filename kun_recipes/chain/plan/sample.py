"""What a finished small run says about a larger one: a corpus stage on some documents, and the stages beside it."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson

from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.data.folders import SUMMARY
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError


def with_sample(known: Assumptions, corpus_folder: Path) -> Assumptions:
    """Return the assumptions with the rates that a small run measured in their place.

    Its seconds are left out: they hold its start-up, and nothing says on how many cores.

    Args:
        corpus_folder: of its corpus stage; the folders of other stages lie beside it, where those finished.

    Raises:
        UserError: the corpus stage is not finished, or kept no row.
    """
    from kun_recipes.chain.all_stages import STAGES  # whose modules use this one

    corpus = finished(corpus_folder)
    if not corpus or "documents" not in corpus:
        raise UserError(
            f"{corpus_folder}: no finished corpus stage; run recipes/corpus.py with --max_documents there first"
        )
    sections = dict(known.sections)
    for stage in STAGES.values():
        folder = corpus_folder if stage.plan_section == "corpus" else corpus_folder.parent / stage.name
        if stage.plan_section and finished(folder):
            sections[stage.plan_section] = stage.measured(folder, sections[stage.plan_section])
    return replace(known, sections=sections)


def finished(folder: Path) -> dict[str, Any]:
    """Return the summary of a finished stage that kept rows; empty without one."""
    path = folder / SUMMARY
    summary = orjson.loads(path.read_bytes()) if path.is_file() else {}
    return summary if summary.get("rows_kept") else {}


def mean_of(folder: Path, column: str) -> float | None:
    """Return the mean of a column over the rows that have it: raw answers have no token count."""
    values = [row[column] for row in read_rows(folder / "rows") if column in row]
    return fmean(values) if values else None


def measured_rate(part: int, whole: int, of: str, source: str, kind: type[Assumption] = Assumption) -> Any:
    """Return a rate with where it was counted."""
    return kind(part / whole, f"{source}: {part:,} of {whole:,} {of}")
