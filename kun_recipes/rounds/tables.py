"""The comparison of two rounds as a table: in the report, and in the card of the pairs."""

from collections.abc import Mapping
from typing import Any

from kun_recipes.reporting.language import is_english, listed, retold, tr
from kun_recipes.reporting.tables import Table
from kun_recipes.rounds.changes import Change, decide, from_dict
from kun_recipes.rounds.config import LOSSES

MARK = {"better": "better", "worse": "worse", "changed": "changed", "": "–"}
DIRECTION = {"lower": "lower is better", "higher": "higher is better", "neither": ""}
INTRODUCTION = (
    "Differences are the later round minus the earlier one, with 95% intervals. Both rounds were measured on the same "
    "held-out pairs, items and segments; all other rows are each round's own."
)


def figure_name(comparison: Mapping[str, Any]) -> str:
    """Return the name of a comparison's figure: a run of several rounds has one for each."""
    return f"gain_{comparison['after']}"


def decision_of(summary: Mapping[str, Any]) -> str:
    """Return whether the later round of a gain stage helps, and why, in the current language."""
    if is_english():
        return str(summary["why"])
    config, comparison = summary["config"], summary["comparison"]
    changes = map(from_dict, comparison["changes"])
    rounds = comparison["before"], comparison["after"]
    return decide(changes, LOSSES[config["decided_by"]], config["min_gain"], *rounds).why


def gain_table(comparison: Mapping[str, Any]) -> Table:
    """Return the table of a comparison, as the summary of a gain stage holds it."""
    before, after = comparison["before"], comparison["after"]
    head = (tr("measure"), tr("on"), before, after, tr("difference"), "")
    rows = tuple(_row(change) for change in map(from_dict, comparison["changes"]))
    return Table(tr("{after} against {before}", after=after, before=before), head, rows)


def _row(change: Change) -> tuple[str, ...]:
    aside = listed(retold(part) for part in (change.unit, DIRECTION[change.better]) if part)
    title = tr("{title} ({aside})", title=retold(change.title), aside=aside) if aside else retold(change.title)
    return (
        title,
        retold(change.on),
        _number(change, change.before),
        _number(change, change.after),
        _difference(change),
        tr(MARK[change.verdict]),
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
