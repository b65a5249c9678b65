"""The sets side by side, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

ROWS = (
    ("pairs", lambda figures: f"{figures['rows']:,}"),
    ("instruction, median tokens", lambda figures: f"{figures['lengths']['instruction']['median']}"),
    ("output, median tokens", lambda figures: f"{figures['lengths']['output']['median']}"),
    ("questions", lambda figures: f"{figures['forms']['question']['share']:.1%}"),
    ("imperatives", lambda figures: f"{figures['forms']['imperative']['share']:.1%}"),
    ("with a year", lambda figures: f"{figures['years']['share']:.1%}"),
    ("distinct-2 of instructions", lambda figures: f"{figures['distinct']['instruction']['distinct_2']:.3f}"),
    ("distinct-2 of outputs", lambda figures: f"{figures['distinct']['output']['distinct_2']:.3f}"),
    ("with a near duplicate", lambda figures: f"{figures['near_duplicates']['share']:.1%}"),
)


def overview(sets: Mapping[str, Mapping[str, Any]]) -> Table:
    """A line a statistic, a column a set."""
    table = Table("statistic", *sets, title="Statistics of the data (Kun §4.2.1)", title_justify="left")
    for name, shown in ROWS:
        table.add_row(name, *(shown(figures) for figures in sets.values()))
    for kind in next(iter(sets.values())).get("topics", ()):
        table.add_row(
            f"agreed on the {kind.replace('_', ' ')}",
            *(_agreement(figures, kind) for figures in sets.values()),
        )
    return table


def _agreement(figures: Mapping[str, Any], kind: str) -> str:
    topics = figures.get("topics", {}).get(kind)
    return f"{topics['agreement']:.1%} of {topics['asked']:,}" if topics else "not asked"
