"""The sets side by side, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

ROWS = (
    ("pairs", lambda numbers: f"{numbers['rows']:,}"),
    ("instruction, median tokens", lambda numbers: f"{numbers['lengths']['instruction']['median']}"),
    ("output, median tokens", lambda numbers: f"{numbers['lengths']['output']['median']}"),
    ("questions", lambda numbers: f"{numbers['forms']['question']['share']:.1%}"),
    ("imperatives", lambda numbers: f"{numbers['forms']['imperative']['share']:.1%}"),
    ("with a year", lambda numbers: f"{numbers['years']['share']:.1%}"),
    ("distinct-2 of instructions", lambda numbers: f"{numbers['distinct']['instruction']['distinct_2']:.3f}"),
    ("distinct-2 of outputs", lambda numbers: f"{numbers['distinct']['output']['distinct_2']:.3f}"),
    ("with a near duplicate", lambda numbers: f"{numbers['near_duplicates']['share']:.1%}"),
)


def overview(sets: Mapping[str, Mapping[str, Any]]) -> Table:
    """A line a statistic, a column a set."""
    table = Table("statistic", *sets, title="Statistics of the data (Kun §4.2.1)", title_justify="left")
    for name, shown in ROWS:
        table.add_row(name, *(shown(numbers) for numbers in sets.values()))
    for kind in next(iter(sets.values())).get("topics", ()):
        table.add_row(
            f"agreed on the {kind.replace('_', ' ')}",
            *(_agreement(numbers, kind) for numbers in sets.values()),
        )
    return table


def _agreement(numbers: Mapping[str, Any], kind: str) -> str:
    topics = numbers.get("topics", {}).get(kind)
    return f"{topics['agreement']:.1%} of {topics['asked']:,}" if topics else "not asked"
