"""The funnel as a picture: a flow that narrows from stage to stage, and what leaves it, by reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from kun_recipes.execution.counts import NOT_BEST
from kun_recipes.reporting.drawing import BLUE, GREY, RED
from kun_recipes.reporting.language import named, stage_name, tr

REASONS_SHOWN = 7
"""Of each stage, the most frequent; the others are one flow."""

HEIGHT = 100.0  # of the first bar; all else is in proportion
LINE = 5.5  # room that a label needs
BAR, REACH = 0.045, 0.42  # width of a bar, and how far a removed flow reaches, in steps between two bars


def funnel_figure(stages: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw rows in, kept and removed by reason, for stages that each read what the one before kept.

    Args:
        stages: summaries by name, in order; each has rows_in, rows_kept and removed. Further candidates, not_best, are
            no rows: their number stands below, and no flow.
    """
    figure = Figure(figsize=(11, 5.2))
    axes = figure.subplots()
    axes.axis("off")
    first = next(iter(stages.values()))["rows_in"]
    scale = HEIGHT / max(first, 1)
    lowest = 0.0
    for x, (name, summary) in enumerate(stages.items()):
        lowest = min(lowest, _draw_stage(axes, x, name, summary, scale))
    _bar(axes, len(stages), summary["rows_kept"] * scale, f"{summary['rows_kept']:,}", tr("kept"))
    axes.set_xlim(-0.1, len(stages) + 0.35)
    axes.set_ylim(lowest - LINE, HEIGHT + 3 * LINE)
    return figure


def _draw_stage(axes: Axes, x: int, name: str, summary: Mapping[str, Any], scale: float) -> float:
    """Draw a stage's bar and the flows out of it; returns the lowest point drawn."""
    height = summary["rows_in"] * scale
    _bar(axes, x, height, f"{summary['rows_in']:,}", stage_name(name))
    kept = summary["rows_kept"] * scale
    _flow(axes, (x + BAR, HEIGHT), (x + 1, HEIGHT), kept, BLUE)
    source, target = HEIGHT - kept, HEIGHT - kept - 2 * LINE
    for reason, count in shown_reasons(summary["removed"]):
        thickness = count * scale
        _flow(axes, (x + BAR, source), (x + REACH, target), thickness, RED)
        axes.text(
            x + REACH + 0.02,
            target - thickness / 2,
            f"{named(reason, 'reason')} {count:,}",
            va="center",
            fontsize=8.5,
        )
        source -= thickness
        target -= max(thickness, LINE) + 0.5
    if others := summary.get(NOT_BEST):
        note = tr("not best: {count:,} further candidates", count=others)
        axes.text(x + BAR, target, note, va="top", fontsize=8.5, color=GREY)
        target -= LINE + 0.5
    return target


def shown_reasons(removed: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """Return the most frequent reasons, and the number of rows of all others together."""
    ordered = sorted(removed.items(), key=lambda one: (-one[1], one[0]))
    if len(ordered) <= REASONS_SHOWN + 1:
        return ordered
    rest = ordered[REASONS_SHOWN:]
    return [*ordered[:REASONS_SHOWN], (tr("{count} other reasons", count=len(rest)), sum(count for _, count in rest))]


def _bar(axes: Axes, x: float, height: float, count: str, name: str) -> None:
    axes.add_patch(Rectangle((x, HEIGHT - height), BAR, height, color="#2b4a6f", linewidth=0))
    axes.text(x, HEIGHT + 1.2 * LINE, name, fontsize=12, va="baseline")
    axes.text(x, HEIGHT + 0.3 * LINE, count, fontsize=10, color=GREY, va="baseline")


def _flow(axes: Axes, start: tuple[float, float], end: tuple[float, float], thickness: float, colour: str) -> None:
    """A band between two points, given by its upper edge."""
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    upper = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    lower = [(x1, y1 - thickness), (middle, y1 - thickness), (middle, y0 - thickness), (x0, y0 - thickness)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    axes.add_patch(PathPatch(Path([*upper, *lower], codes), facecolor=colour, alpha=0.35, linewidth=0))
