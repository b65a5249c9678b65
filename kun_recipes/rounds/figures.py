"""The comparison of two rounds as a figure."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kun_recipes.reporting.drawing import BLUE, GREEN, GREY, RED
from kun_recipes.reporting.language import retold, tr
from kun_recipes.rounds.changes import Change, from_dict

COLOUR = {"better": GREEN, "worse": RED, "changed": BLUE, "": GREY}
CAPTION = (
    "What changed from one round to the next, with 95% intervals. Green: better, and the interval excludes zero; red: "
    "worse; blue: changed, but neither direction is better; grey: could be chance."
)


def gain_figure(comparison: Mapping[str, Any]) -> Figure:
    """Draw each difference that has an interval: a panel per unit, for they share no scale."""
    drawn = [change for change in map(from_dict, comparison["changes"]) if change.low is not None]
    drawn.sort(key=lambda change: change.unit, reverse=True)  # stable: as in the table
    panels = {unit: list(some) for unit, some in groupby(drawn, key=lambda change: change.unit)}
    figure = Figure(figsize=(9, 1.4 + 0.9 * len(panels) + 0.32 * len(drawn)))
    if not panels:
        note = tr("no difference has an interval: too few pairs and rows")
        figure.text(0.5, 0.5, note, ha="center", color=GREY)
        return figure
    heights = [len(some) + 1 for some in panels.values()]
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (unit, some) in zip(grid, panels.items(), strict=True):
        _draw(axes, some)
        axes.set_xlabel(retold(unit or "share, area or score"))
    grid[0].set_title(f"{comparison['after']} − {comparison['before']}")
    return figure


def _draw(axes: Axes, changes: Sequence[Change]) -> None:
    axes.axvline(0, color=GREY, linewidth=1, linestyle=":")
    for place, change in enumerate(changes):
        colour = COLOUR[change.verdict]
        assert change.low is not None and change.high is not None and change.difference is not None
        axes.plot([change.low, change.high], [place, place], color=colour, linewidth=2)
        axes.plot([change.difference], [place], "o", color=colour)
    axes.set_yticks(range(len(changes)), [retold(change.title) for change in changes])
    axes.set_ylim(len(changes) - 0.5, -0.5)
    axes.grid(alpha=0.3, axis="x")
