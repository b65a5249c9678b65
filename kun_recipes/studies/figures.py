"""The figures of studies from the numbers of results.json: each a function from one task's results to a figure."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from kun_recipes.reporting.drawing import BLUE, GREEN, GREY, ORANGE, RED, save, style
from kun_recipes.reporting.language import named, tr
from kun_recipes.studies.quality import ALL, OUTPUT
from kun_recipes.studies.votes import CRITERIA, GRADES

Results = Mapping[str, Any]

QUESTIONS = (*CRITERIA, OUTPUT)
GRADE_COLOURS = (GREEN, BLUE, RED)
IDENTICAL = {
    "all_same": ("all the same", GREEN),
    "some_same": ("partly the same", ORANGE),
    "all_different": ("all different", RED),
}
NO_MATCHUP = "#eef0f3"
LOSS_TO_WIN = LinearSegmentedColormap.from_list("loss_to_win", (ORANGE, "#ffffff", BLUE)).with_extremes(bad=NO_MATCHUP)
MIN_LABELLED_SHARE = 0.05  # share from which a bar has room for its label


def identical_ratings(quality: Results) -> Figure:
    """Return figure 6: on how many items all annotators said the same, some did, or none did."""
    counted = [quality["agreement"][name]["identical"] for name in QUESTIONS]
    shares = {
        kind: [one[kind] / total if (total := sum(one.values())) else 0 for one in counted] for kind in IDENTICAL
    }
    titles = {kind: tr(title) for kind, (title, _) in IDENTICAL.items()}
    return _stacked(
        [named(name, "study") for name in QUESTIONS],
        {titles[kind]: values for kind, values in shares.items()},
        [colour for _, colour in IDENTICAL.values()],
        tr("Agreement of annotators"),
    )


def output_grades(quality: Results) -> Figure:
    """Return the grades of outputs by source, of table 1."""
    table = quality["table"]
    shares = {
        named(grade, "study"): [row[f"output_{grade}"]["value"] or 0 for row in table.values()] for grade in GRADES
    }
    names = [named(ALL, "study") if source == ALL else source or tr("(not stated)") for source in table]
    return _stacked(names, shares, list(GRADE_COLOURS), tr("Grades of outputs, by source"))


def win_matrix(preference: Results) -> Figure:
    """Return figure 5: the share of its points that the model of the row took from the model of the column."""
    models = list(preference["models"])
    rates = numpy.full((len(models), len(models)), numpy.nan)
    for pair in preference["pairs"]:
        row, column = (models.index(name) for name in pair["models"])
        rates[row, column], rates[column, row] = pair["win_rate"]["value"], 1 - pair["win_rate"]["value"]
    size = 2.4 + 0.75 * len(models)
    figure = Figure(figsize=(size + 1.2, size))
    axes = figure.subplots()
    image = axes.imshow(rates, cmap=LOSS_TO_WIN, vmin=0, vmax=1)
    for row, column in numpy.argwhere(~numpy.isnan(rates)):
        strong = abs(rates[row, column] - 0.5) > 0.35
        axes.text(
            column, row, f"{rates[row, column]:.0%}", ha="center", va="center", color="white" if strong else "black"
        )
    axes.set_xticks(range(len(models)), models, rotation=40, ha="right")
    axes.set_yticks(range(len(models)), models)
    axes.set_xticks(numpy.arange(len(models)) - 0.5, minor=True)
    axes.set_yticks(numpy.arange(len(models)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0)
    axes.set_title(tr("Win rate of the row against the column (a tie counts half)"))
    figure.colorbar(image, ax=axes, format="{x:.0%}", shrink=0.8)
    return figure


def wins_and_losses(preference: Results) -> Figure:
    """Return figure 9: for each model its wins, ties and losses against every other."""
    models = list(preference["models"])
    figure = Figure(figsize=(8, 0.7 + len(models) * (0.75 + 0.3 * (len(models) - 1))))
    panels = figure.subplots(len(models), 1, squeeze=False, sharex=True)[:, 0]
    for axes, model in zip(panels, models, strict=True):
        others = {name: pair for pair in preference["pairs"] for name in _other(pair, model)}
        shares: dict[str, list[float]] = {tr(name): [] for name in ("wins", "ties", "losses")}
        for pair in others.values():
            votes = pair["wins"] + pair["ties"] + pair["losses"]
            mirrored = pair["models"][0] != model
            wins, losses = (pair["losses"], pair["wins"]) if mirrored else (pair["wins"], pair["losses"])
            for name, count in zip(shares, (wins, pair["ties"], losses), strict=True):
                shares[name].append(count / votes)
        _stack(axes, [tr("against {model}", model=name) for name in others], shares, [BLUE, GREY, ORANGE])
        axes.set_title(model)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def ranking(preference: Results) -> Figure:
    """Return the Bradley-Terry ratings with their intervals, the best first."""
    models = {name: one["rating"] for name, one in preference["models"].items() if one["rating"]["value"] is not None}
    figure = Figure(figsize=(7, 1.1 + 0.4 * len(models)))
    axes = figure.subplots()
    for place, rating in enumerate(models.values()):
        if rating["low"] is not None:
            axes.plot([rating["low"], rating["high"]], [place, place], color=BLUE, linewidth=2.2, alpha=0.5)
        axes.plot(rating["value"], place, "o", color=BLUE)
        axes.annotate(
            f"{rating['value']:.0f}", (rating["value"], place), (0, 6), textcoords="offset points", ha="center"
        )
    axes.set_yticks(range(len(models)), list(models))
    axes.set_ylim(len(models) - 0.5, -0.7)
    axes.grid(axis="x")
    axes.set_title(tr("Ranking: Bradley–Terry ratings with 95% intervals"))
    return figure


FIGURES: dict[str, dict[str, Callable[[Results], Figure]]] = {
    "quality": {"identical_ratings": identical_ratings, "output_grades": output_grades},
    "preference": {"win_matrix": win_matrix, "wins_and_losses": wins_and_losses, "ranking": ranking},
}
"""By task."""


def write_figures(found: Mapping[str, Results], folder: Path, prefix: str = "") -> None:
    """Write the figures of each task as <prefix><name>.svg and .png."""
    with style():
        for task, results in found.items():
            for name, draw in FIGURES[task].items():
                if name != "identical_ratings" or _full_items(results):
                    save(draw(results), folder / f"{prefix}{name}")


def _full_items(quality: Results) -> int:
    """Return items with as many votes as figure 6 needs: a single judge has none."""
    return sum(quality["agreement"][OUTPUT]["identical"].values())


def _other(pair: Results, model: str) -> list[str]:
    return [name for name in pair["models"] if name != model] if model in pair["models"] else []


def _stacked(names: list[str], shares: dict[str, list[float]], colours: list[str], title: str) -> Figure:
    figure = Figure(figsize=(7, 1.3 + 0.45 * len(names)))
    axes = figure.subplots()
    _stack(axes, names, shares, colours)
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=len(shares), fontsize=9)
    return figure


def _stack(axes: Any, names: list[str], shares: dict[str, list[float]], colours: list[str]) -> None:
    """Bars of parts that make a whole, the first name on top."""
    left = numpy.zeros(len(names))
    for colour, (label, values) in zip(colours, shares.items(), strict=True):
        bars = axes.barh(names, values, left=left, color=colour, label=label, height=0.62)
        texts = [f"{value:.0%}" if value >= MIN_LABELLED_SHARE else "" for value in values]
        axes.bar_label(bars, texts, label_type="center", color="white", fontsize=9)
        left += values
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
