"""What each stage took: time, rows a second, tokens that were read or written."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kun_recipes.data import schema
from kun_recipes.data.rows import read_rows
from kun_recipes.reporting.tables import Table

WRITTEN = {"label": schema.INSTRUCTION_TOKENS, "refine": schema.OUTPUT_TOKENS}
"""The column that counts the tokens that a stage's model wrote, in rows kept and in those removed afterwards."""


def written_tokens(folder: Path, column: str) -> int:
    """Tokens that a stage's model wrote, in all rows."""
    folders = [folder / "rows", *sorted((folder / "removed").glob("*"))]
    rows = (row for one in folders if any(one.glob("*.jsonl*")) for row in read_rows(one))
    return sum(row.get(column) or 0 for row in rows)


def cost_table(stages: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> Table:
    """A line a stage.

    Args:
        stages: summaries by the stage's name.
        tokens: written or trained on, by the stage's name.
    """
    head = ("stage", "seconds", "rows", "rows/s", "tokens", "tokens/s")
    rows = [_line(name, summary["seconds"], summary["rows_in"], tokens.get(name)) for name, summary in stages.items()]
    total = sum(summary["seconds"] for summary in stages.values())
    return Table("What each stage took", head, (*rows, ("all", _number(total), "", "", "", "")))


def _line(name: str, seconds: float, rows: int, tokens: int | None) -> tuple[str, ...]:
    written = ("", "") if tokens is None else (_number(tokens), _rate(tokens, seconds))
    return (name, _number(seconds), _number(rows), _rate(rows, seconds), *written)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _rate(count: float, seconds: float) -> str:
    return f"{count / seconds:,.2g}" if 0 < count / max(seconds, 1e-9) < 10 else f"{count / max(seconds, 1e-9):,.0f}"


def training_table(trainings: Mapping[str, Mapping[str, Any]]) -> Table:
    """What each training did, and what it took."""
    head = ("model", "pairs", "update steps", "held-out loss before", "after", "tokens", "tokens/s", "seconds")
    return Table("Trainings; loss in nats a token", head, tuple(_trainings(trainings.items())))


def _trainings(trainings: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterable[tuple[str, ...]]:
    for name, summary in trainings:
        losses = (summary.get("held_out_loss_before"), summary.get("held_out_loss_after"))
        yield (
            name,
            _number(summary["rows_kept"]),
            _number(summary["steps"]),
            *("–" if loss is None else f"{loss:.2f}" for loss in losses),
            _number(summary["tokens"]),
            _rate(summary["throughput"]["tokens_per_second"], 1),
            _number(summary["seconds"]),
        )
