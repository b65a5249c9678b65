"""What a study leaves for people: results.json, figures, and its tables on the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from kun_recipes.stage import write_json
from kun_recipes.studies.figures import GRADE_NAMES, QUESTION_NAMES, write_figures
from kun_recipes.studies.quality import ALL, COLUMNS

RESULTS = "results.json"
PEOPLE, JUDGE = "people", "judge"
VOTERS = {PEOPLE: "people", JUDGE: "the model"}
COEFFICIENTS = {
    "percent": "percent",
    "fleiss_kappa": "Fleiss' κ",
    "alpha_nominal": "α, nominal",
    "alpha_ordinal": "α, ordinal",
}


def write_results(results: Mapping[str, Any], folder: Path) -> None:
    """Write results.json, and figures/<voter>_<name>.svg and .png for each who voted."""
    write_json(folder / RESULTS, results)
    for voter in VOTERS:
        if found := results[voter]:
            write_figures(found["votes"], folder / "figures", f"{voter}_")


def study_tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """Table 1, the agreement, the preferences, by who voted."""
    for voter, who in VOTERS.items():
        found = results[voter]
        if found and (quality := found["votes"]["quality"]):
            yield quality_table(quality, who)
            if quality["voters"] > 1:
                yield agreement_table(quality["agreement"])
        if found and (preference := found["votes"]["preference"]):
            yield preference_table(preference, who)
    if results["compared"]:
        yield agreement_table(results["compared"], "How far the model agrees with people's majority")


def quality_table(quality: Mapping[str, Any], who: str) -> Table:
    """Table 1: shares of the votes by source, with 95% intervals over items."""
    table = Table(title=f"Quality, by {who}: % of the votes [95% interval]", title_justify="left")
    table.add_column("source")
    table.add_column("items", justify="right")
    for question, answer in COLUMNS:
        name = QUESTION_NAMES[question] if answer == "yes" else GRADE_NAMES[answer]
        table.add_column(f"{name}\n{question if answer == 'yes' else answer}", justify="right")
    for source, row in quality["table"].items():
        cells = [percent(row[f"{question}_{answer}"]) for question, answer in COLUMNS]
        table.add_row(ALL if source == ALL else source or "–", str(row["items"]), *cells)
    return table


def agreement_table(agreement: Mapping[str, Any], title: str = "Agreement of annotators") -> Table:
    """A line a question: percent agreement and the coefficients, with intervals; a dash where undefined."""
    table = Table(title=f"{title} [95% interval]", title_justify="left")
    table.add_column("question")
    table.add_column("items", justify="right")
    for title in COEFFICIENTS.values():
        table.add_column(title, justify="right")
    for question, figures in agreement.items():
        cells = [
            (percent if name == "percent" else coefficient)(figures[name]) if name in figures else ""
            for name in COEFFICIENTS
        ]
        table.add_row(question, str(figures["items"]), *cells)
    return table


def preference_table(preference: Mapping[str, Any], who: str) -> Table:
    """A line a model, the best first."""
    table = Table(title=f"Preference, by {who}: {preference['votes']} votes [95% interval]", title_justify="left")
    table.add_column("model")
    for title in ("wins", "ties", "losses", "win rate, %", "rating"):
        table.add_column(title, justify="right")
    for name, figures in preference["models"].items():
        counts = [str(figures[key]) for key in ("wins", "ties", "losses")]
        table.add_row(name, *counts, percent(figures["win_rate"]), coefficient(figures["rating"], 0))
    return table


def notes(results: Mapping[str, Any]) -> Iterator[Text]:
    """What to know before one believes a model's votes."""
    judge = results[JUDGE]
    if not judge:
        return
    if position := judge["position"].get("calibrated"):
        raw = judge["position"]["raw"]
        yield Text(
            f"the model chose the answer read first in {raw['first']:.0%} of its choices, after calibration in "
            f"{position['first']:.0%}; in {position['disagree']:.0%} of the pairs the order decides: ties"
        )
    for task, count in judge["self_judged"].items():
        if count:
            what = "outputs that it wrote" if task == "quality" else "pairs with an answer of its own"
            yield Text(f"warning: {judge['name']} judges itself: {count} {what}", style="yellow")


def percent(figures: Mapping[str, float | None]) -> str:
    return _with_interval({name: None if value is None else 100 * value for name, value in figures.items()}, 1)


def coefficient(figures: Mapping[str, float | None], digits: int = 2) -> str:
    return _with_interval(figures, digits)


def _with_interval(figures: Mapping[str, float | None], digits: int) -> str:
    if figures["value"] is None:
        return "–"
    interval = "" if figures["low"] is None else f" [{figures['low']:.{digits}f}, {figures['high']:.{digits}f}]"
    return f"{figures['value']:.{digits}f}{interval}"
