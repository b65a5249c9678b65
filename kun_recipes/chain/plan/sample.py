"""Rates measured in a finished small run, with which stages replace their assumptions."""

from pathlib import Path
from statistics import fmean
from typing import Any

import orjson

from kun_recipes.chain.plan.assumptions import Assumption
from kun_recipes.data.folders import SUMMARY
from kun_recipes.data.rows import read_rows


def finished(folder: Path, summary_file: str = SUMMARY) -> dict[str, Any]:
    """Return the summary of a finished stage that kept rows; empty without one."""
    path = folder / summary_file
    summary = orjson.loads(path.read_bytes()) if path.is_file() else {}
    return summary if summary.get("rows_kept") else {}


def mean_of(folder: Path, column: str) -> float | None:
    """Return the mean of a column over the rows that have it: raw answers have no token count."""
    values = [row[column] for row in read_rows(folder / "rows") if column in row]
    return fmean(values) if values else None


def measured_rate(part: int, whole: int, of: str, source: str, kind: type[Assumption] = Assumption) -> Any:
    """Return a rate with where it was counted."""
    return kind(part / whole, f"{source}: {part:,} of {whole:,} {of}")
