"""The comparison of two rounds as a table: in the report, and in the card of the pairs."""

from collections.abc import Mapping
from typing import Any

from kun_recipes.reporting.tables import Table
from kun_recipes.rounds.changes import Change, from_dict

MARK = {"better": "better", "worse": "worse", "changed": "changed", "": "–"}
DIRECTION = {"lower": "lower is better", "higher": "higher is better", "neither": ""}
INTRODUCTION = (
    "Differences are the later round less the earlier one, with 95% intervals. Both rounds were measured on the same "
    "held-out pairs, items and segments; of all other rows each has its own."
)


def figure_name(comparison: Mapping[str, Any]) -> str:
    """Return the name of a comparison's figure: a run of several rounds has one for each."""
    return f"gain_{comparison['after']}"


def gain_table(comparison: Mapping[str, Any]) -> Table:
    """Return the table of a comparison, as the summary of a gain stage holds it."""
    before, after = comparison["before"], comparison["after"]
    head = ("measure", "on", before, after, "difference", "")
    rows = tuple(_row(change) for change in map(from_dict, comparison["changes"]))
    return Table(f"{after} against {before}", head, rows)


def _row(change: Change) -> tuple[str, ...]:
    aside = ", ".join(filter(None, (change.unit, DIRECTION[change.better])))
    title = f"{change.title} ({aside})" if aside else change.title
    return (
        title,
        change.on,
        _number(change, change.before),
        _number(change, change.after),
        _difference(change),
        MARK[change.verdict],
    )


def _difference(change: Change) -> str:
    if change.difference is None:
        return "–"
    shown = _number(change, change.difference, sign="+")
    if change.low is None or change.high is None:
        return shown
    return f"{shown} [{_number(change, change.low, sign='+')}, {_number(change, change.high, sign='+')}]"


def _number(change: Change, value: float | None, sign: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{sign}.1f}" if change.unit == "tokens" else f"{value:{sign}.3f}"
