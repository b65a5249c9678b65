"""Report of the statistics: a table for the terminal, and the figures of Kun §4.2.1, each a function of the sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from kun_recipes.reporting.drawing import COLOURS, GREY, save, style
from kun_recipes.reporting.language import is_english, named, tr
from kun_recipes.statistics.topic_asking import TOP

Sets = Mapping[str, Mapping[str, Any]]

COLUMNS = {"instruction": "Length of instructions", "output": "Length of outputs"}
FORM_NAMES = {"question": "questions", "imperative": "imperatives", "other": "others"}
SET_NAMES = {"dataset": "dataset", "seeds": "seeds"}
AGREED = "consistent answers for {agreed:,} of {asked:,} pairs"
MAX_SOURCES = 20
MIN_SLOTS = 3  # room for bars, so that a single one is no block

TABLE_ROWS = (
    ("pairs", lambda numbers: f"{numbers['rows']:,}"),
    ("instruction, median tokens", lambda numbers: f"{numbers['lengths']['instruction']['median']}"),
    ("output, median tokens", lambda numbers: f"{numbers['lengths']['output']['median']}"),
    ("questions", lambda numbers: f"{numbers['forms']['question']['share']:.1%}"),
    ("imperatives", lambda numbers: f"{numbers['forms']['imperative']['share']:.1%}"),
    ("mentioning a year", lambda numbers: f"{numbers['years']['share']:.1%}"),
    ("distinct-2 of instructions", lambda numbers: f"{numbers['distinct']['instruction']['distinct_2']:.3f}"),
    ("distinct-2 of outputs", lambda numbers: f"{numbers['distinct']['output']['distinct_2']:.3f}"),
    ("with a near duplicate", lambda numbers: f"{numbers['near_duplicates']['share']:.1%}"),
)


def lengths(sets: Sets) -> Figure:
    """Return figure 3: the share of pairs by the length of instruction and output.

    The last bin holds all longer ones.
    """
    figure = Figure(figsize=(9, 3.4))
    for axes, (column, title) in zip(figure.subplots(1, 2), COLUMNS.items(), strict=True):
        for number, (name, one) in enumerate(sets.items()):
            numbers = one["lengths"][column]
            edges = numbers["bin_edges"]
            width = edges[1] - edges[0]
            axes.stairs(
                [rows / one["rows"] for rows in numbers["bin_rows"]],
                [*edges, edges[-1] + width],
                fill=number == 0,
                alpha=0.55 if number == 0 else 1,
                linewidth=1.4,
                color=COLOURS[number % len(COLOURS)],
                label=tr("{name} (median {median})", name=set_name(name), median=numbers["median"]),
            )
        longest = max(_filled(one["lengths"][column]["bin_rows"]) for one in sets.values())
        axes.set_xlim(0, (longest + 1) * width)
        axes.set_title(tr(title))
        is_open = longest == len(edges)
        axes.set_xlabel(tr("tokens (last bin: ≥ {edge})", edge=edges[-1]) if is_open else tr("tokens"))
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.grid(axis="y")
        axes.legend(fontsize=9)
    figure.axes[0].set_ylabel(tr("share"))
    return figure


def sources(sets: Sets) -> Figure:
    """Return figure 7: where the dataset's pairs come from."""
    one = next(iter(sets.values()))
    found = {name or tr("(not stated)"): counted["rows"] for name, counted in one["sources"].items()}
    rest = dict(list(found.items())[MAX_SOURCES:])
    found = dict(list(found.items())[:MAX_SOURCES])
    if rest:
        found[tr("{count} other sources", count=len(rest))] = sum(rest.values())
    figure = Figure(figsize=(7, 1.2 + 0.34 * len(found)))
    axes = figure.subplots()
    _bars(axes, found, one["rows"], COLOURS[0])
    axes.set_title(tr("Sources of {rows:,} pairs", rows=one["rows"]))
    return figure


def years(sets: Sets) -> Figure:
    """Return figure 8: pairs that mention each of the last twenty years."""
    figure = Figure(figsize=(9, 0.6 + 1.9 * len(sets)))
    panels = figure.subplots(len(sets), 1, squeeze=False, sharex=True)[:, 0]
    for number, (axes, (name, one)) in enumerate(zip(panels, sets.items(), strict=True)):
        counts = one["years"]["last_20"]
        bars = axes.bar(list(counts), list(counts.values()), color=COLOURS[number % len(COLOURS)], width=0.72)
        axes.bar_label(bars, [f"{rows:,}" if rows else "" for rows in counts.values()], padding=3, fontsize=9)
        if not any(counts.values()):
            note = tr("none of these twenty years is mentioned")
            axes.text(0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", color=GREY)
        shown = {"name": set_name(name), "share": one["years"]["share"]}
        axes.set_title(tr("Years mentioned: {name} ({share:.1%} of the pairs mention a year)", **shown))
        axes.set_ylabel(tr("pairs"))
        axes.set_ylim(0, max(1, *counts.values()) * 1.18)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.tick_params(axis="x", labelrotation=45, labelbottom=True)
    return figure


def forms(sets: Sets) -> Figure:
    """Return questions, imperatives and the rest, a bar a set."""
    figure = Figure(figsize=(7, 1.3 + 0.5 * len(sets)))
    axes = figure.subplots()
    names = [set_name(name) for name in sets]
    left = [0.0] * len(sets)
    colours = (COLOURS[0], COLOURS[1], GREY)
    for colour, (form, title) in zip(colours, FORM_NAMES.items(), strict=True):
        shares = [one["forms"][form]["share"] for one in sets.values()]
        bars = axes.barh(names, shares, left=left, color=colour, label=tr(title), height=0.6)
        texts = [f"{share:.0%}" if share >= 0.04 else "" for share in shares]
        axes.bar_label(bars, texts, label_type="center", color="white", fontsize=9)
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_title(tr("Forms of instructions"))
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def topics(sets: Sets) -> Figure:
    """Return figure 2: the ten most frequent topics of each list, of the dataset's pairs whose answers agreed."""
    lists = next(iter(sets.values()))["topics"]
    figure = Figure(figsize=(4.6 * len(lists), 4.4))
    panels = figure.subplots(1, len(lists), squeeze=False)[0]
    name = "english" if is_english() else "name"
    for colour, axes, (kind, found) in zip(COLOURS, panels, lists.items(), strict=False):
        shown = {topic[name]: topic["rows"] for topic in found["topics"][:TOP] if topic["rows"]}
        _bars(axes, shown, found["agreed"], colour)
        title = tr("{title}, top {top}", title=named(kind, "topics").capitalize(), top=TOP)
        axes.set_title(f"{title}\n{tr(AGREED, **found)}", fontsize=10)
    return figure


def write_figures(statistics: Mapping[str, Any], folder: Path) -> list[str]:
    """Save every figure as <folder>/<name>.svg and .png; returns their names. Topics only where they were asked."""
    sets = statistics["sets"]
    drawn = {"lengths": lengths, "sources": sources, "years": years, "forms": forms}
    if next(iter(sets.values())).get("topics"):
        drawn["topics"] = topics
    with style():
        for name, draw in drawn.items():
            save(draw(sets), folder / name)
    return list(drawn)


def set_name(name: str) -> str:
    """Return a set's name in figures: one of ours in the current language, another as its user calls it."""
    return tr(SET_NAMES[name]) if name in SET_NAMES else name


def _filled(bins: Sequence[int]) -> int:
    """Return number of bins up to the last one that is not empty."""
    return max(place for place, rows in enumerate(bins, start=1) if rows)


def _bars(axes: Axes, counts: Mapping[str, int], total: int, colour: str) -> None:
    """Horizontal bars, the longest on top, each with its rows and share."""
    if not counts:
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, tr("no consistent answers"), transform=axes.transAxes, ha="center", va="center", color=GREY
        )
        return
    bars = axes.barh(list(counts), list(counts.values()), color=colour, height=0.66)
    texts = [tr("{rows:,} ({share:.1%})", rows=rows, share=rows / total) for rows in counts.values()]
    axes.bar_label(bars, texts, padding=3, fontsize=9, color="#444444")
    axes.set_ylim(max(len(counts), MIN_SLOTS) - 0.5, -0.5)
    axes.set_xlim(0, max(counts.values()) * 1.38)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def overview(sets: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the overview with one line per statistic and one column per set."""
    table = Table("statistic", *sets, title="Statistics of the data (Kun §4.2.1)", title_justify="left")
    for name, shown in TABLE_ROWS:
        table.add_row(name, *(shown(numbers) for numbers in sets.values()))
    for kind in next(iter(sets.values())).get("topics", ()):
        table.add_row(
            f"consistent {kind.replace('_', ' ')}",
            *(_agreement(numbers, kind) for numbers in sets.values()),
        )
    return table


def _agreement(numbers: Mapping[str, Any], kind: str) -> str:
    topics = numbers.get("topics", {}).get(kind)
    return f"{topics['agreement']:.1%} of {topics['asked']:,}" if topics else "not asked"
