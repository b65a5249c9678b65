"""The end of a run in the terminal: the funnel, the judges, the trainings, a few finished rows; and summary.json."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash
from kun_recipes.execution.counts import NOT_BEST


def run_summary(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of a run's summary.json: each stage's summary without its config."""
    return {
        name: {key: value for key, value in summary.items() if key != "config"} for name, summary in stages.items()
    }


def funnel_table(stages: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return rows in, kept and removed by reason: one line per stage and one per reason.

    Further candidates for a row stand in parentheses: they are no rows, and not among the removed.
    """
    table = Table(title="Funnel: rows in, kept, and removed by reason", title_justify="left")
    table.add_column("stage")
    for column in ("rows in", "kept", "removed", "seconds"):
        table.add_column(column, justify="right")
    for name, summary in stages.items():
        removed = summary["removed"]
        row = (summary["rows_in"], summary["rows_kept"], sum(removed.values()), round(summary["seconds"]))
        table.add_row(name, *map(str, row), style="bold")
        for reason, count in removed.items():
            table.add_row(f"  {reason}", "", "", str(count), "")
        if others := summary.get(NOT_BEST):
            table.add_row("  not_best: further candidates", "", "", f"({others})", "", style="dim")
    return table


def judge_lines(judges: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    """Yield the AUC and accuracy of each judge on its held-out items, with 95% intervals, and its threshold."""
    for name, judge in judges.items():
        who, what = ("support", "support") if name == "support" else (f"{name} judge", "calibrated log-odds")
        yield Text(
            f"{who}: AUC {with_bounds(judge, 'auc')}, accuracy {with_bounds(judge, 'accuracy')}"
            f" on {judge['held_out']} held-out items; threshold: {what} {judge['threshold']:+.2f}"
            f" ({judge['threshold_from']})"
        )


def verification_line(verified: Mapping[str, Any]) -> Text:
    """Return how the checks of answers do together on labelled ones."""
    return Text(
        f"verification: on {verified['items']} labelled answers, right ones are kept with precision"
        f" {with_bounds(verified, 'precision')} and recall {with_bounds(verified, 'recall')}"
    )


def with_bounds(judge: Mapping[str, Any], measure: str) -> str:
    """Return a measure of a judge with its 95% interval."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*(judge[f"{measure}{end}"] for end in ("", "_low", "_high")))


def training_line(name: str, summary: Mapping[str, Any]) -> Text:
    """Return what a training did to its held-out loss."""
    count = summary["rows_held_out"]
    change = f"{summary['held_out_loss_before']:.2f} before, {summary['held_out_loss_after']:.2f} after"
    return Text(f"{name}: loss on {count} held-out {'pair' if count == 1 else 'pairs'} {change}")


def sample_rows(rows: Iterable[Mapping[str, Any]], count: int = 3) -> list[Mapping[str, Any]]:
    """Return `count` rows chosen by the hash of their ids: always the same ones, in no order of quality."""
    return heapq.nsmallest(count, rows, key=lambda row: choice_hash(row[schema.ID]))


def row_panel(row: Mapping[str, Any]) -> RenderableType:
    """Return one finished row in full: the pair, the segment it came from, and the measurements that decided on it."""
    measured = f"P(是) {row[schema.FILTER_PROBABILITY]:.2f} · P(好) {row[schema.SCORE_PROBABILITY]:.2f}"
    if schema.FIT in row:  # candidates of other people's may lack it
        measured = f"perplexity {row[schema.PERPLEXITY]:.2f} · fit {row[schema.FIT]:+.2f} · {measured}"
    if schema.SUPPORT in row:
        measured += f" · support {row[schema.SUPPORT]:+.2f} · P(right) {row[schema.ANSWER_PROBABILITY]:.2f}"
    if missing := row.get(schema.MISSING_DETAILS):
        measured += f" · not in the segment: {'、'.join(missing)}"
    parts = [
        Text(row[schema.INSTRUCTION], style="bold"),
        Text(row[schema.OUTPUT]),
        Text(f"\nsegment: {row[schema.TEXT]}", style="dim"),
        Text(measured, style="dim"),
    ]
    return Panel(Group(*parts), title=f"{row[schema.SOURCE]} · {row[schema.ID][:12]}", title_align="left")
