"""Reports of a study: results.json, tables, figures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kun_recipes.data.atomic import write_json
from kun_recipes.reporting.language import listed, named, tr
from kun_recipes.reporting.tables import Table, to_latex, to_markdown
from kun_recipes.studies.figures import write_figures
from kun_recipes.studies.quality import ALL, COLUMNS, OUTPUT, YES
from kun_recipes.studies.votes import GRADES

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
    """Write results.json, tables.md, tables.tex, and figures/<voter>_<name>.svg and .png for each who voted."""
    write_json(folder / RESULTS, results)
    tables = list(study_tables(results))
    for name, write in (("tables.md", to_markdown), ("tables.tex", to_latex)):
        (folder / name).write_text("\n".join(map(write, tables)), encoding="utf-8")
    for voter in VOTERS:
        write_figures(votes_drawn(results, voter), folder / "figures", f"{voter}_")


def votes_drawn(results: Mapping[str, Any], voter: str) -> dict[str, Any]:
    """Return the votes of one voter that figures may show, by task.

    A model that gives every output the same grade measures nothing: its grades are left out.
    """
    if not (found := results[voter]):
        return {}
    votes = {task: measured for task, measured in found["votes"].items() if measured}
    if voter == JUDGE and OUTPUT in constant_answers(votes.get("quality")):
        del votes["quality"]
    return votes


def voters_shown(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the voter whose votes on each task are drawn: people if they voted, else the model."""
    return {task: voter for voter in (JUDGE, PEOPLE) for task in votes_drawn(results, voter)}


def study_tables(results: Mapping[str, Any]) -> Iterator[Table]:
    """Yield table 1, the agreement and the preferences, by who voted."""
    for voter, who in VOTERS.items():
        if found := results[voter]:
            yield from voter_tables(found["votes"], tr(who))
    if results["compared"]:
        yield agreement_table(results["compared"], tr("Agreement of the model with the majority of people"))


def voter_tables(votes: Mapping[str, Any], who: str) -> Iterator[Table]:
    if quality := votes["quality"]:
        yield quality_table(quality, who)
        if quality["voters"] > 1:
            yield agreement_table(quality["agreement"], tr("Agreement of annotators on quality"))
    if preference := votes["preference"]:
        yield preference_table(preference, who)
        if preference["voters"] > 1:
            title = tr("Agreement of annotators on preference")
            yield agreement_table({"preference": preference["agreement"]}, title)


def quality_table(quality: Mapping[str, Any], who: str) -> Table:
    """Return table 1: shares of the votes by source, with 95% intervals over items."""
    rows = [
        (
            named(ALL, "study") if source == ALL else source or "–",
            str(row["items"]),
            *(percent(row[f"{question}_{answer}"]) for question, answer in COLUMNS),
        )
        for source, row in quality["table"].items()
    ]
    names = (named(question if answer == YES else answer, "study") for question, answer in COLUMNS)
    title = tr("Quality, by {who}: % of the votes [95% interval]", who=who)
    return Table(title, (tr("source"), tr("items"), *names), tuple(rows))


def agreement_table(agreement: Mapping[str, Any], title: str) -> Table:
    """Return a line per question: percent agreement and the coefficients, with intervals; a dash where undefined."""
    rows = [
        (
            named(question, "study"),
            str(measured["items"]),
            *(
                (percent if name == "percent" else coefficient)(measured[name]) if name in measured else ""
                for name in COEFFICIENTS
            ),
        )
        for question, measured in agreement.items()
    ]
    head = ("question", "items", *COEFFICIENTS.values())
    return Table(tr("{title} [95% interval]", title=title), tuple(map(tr, head)), tuple(rows))


def preference_table(preference: Mapping[str, Any], who: str) -> Table:
    """Return a line per model, the best first."""
    rows = [
        (
            name,
            *(str(model[key]) for key in ("wins", "ties", "losses")),
            percent(model["win_rate"]),
            coefficient(model["rating"], 0),
        )
        for name, model in preference["models"].items()
    ]
    counts = {"votes": preference["votes"], "prompts": preference["prompts"]}
    title = tr("Preference, by {who}: {votes} votes on {prompts} prompts [95% interval]", who=who, **counts)
    head = ("model", "wins", "ties", "losses", "win rate, %", "rating")
    return Table(title, tuple(map(tr, head)), tuple(rows))


def headline(results: Mapping[str, Any]) -> str:
    """Return how good people find the pairs, in one sentence; a model's verdict does not replace it."""
    people = results[PEOPLE]
    if not people or not (quality := people["votes"]["quality"]):
        return tr("Judged by people: no pair of this run yet (recipes/annotate.py).")
    shares = quality["table"][ALL]
    grades = listed(
        tr("{share}% {grade}", share=percent(shares[f"{OUTPUT}_{grade}"]), grade=named(grade, "study"))
        for grade in GRADES
    )
    said = "Judged by people: {pairs} pairs; votes on their outputs: {grades}."
    return tr(said, pairs=quality["voted"], grades=grades)


def notes(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield warnings about the votes: unknown items, position bias, constant verdicts, self-judgement."""
    if results[PEOPLE] and (unknown := results[PEOPLE]["left_out"]):
        yield tr("warning: {count} votes are on items that are not in this study; they are not counted", count=unknown)
    judge = results[JUDGE]
    if not judge:
        return
    name = judge["name"].partition("@")[0]
    if calibrated := judge["position"].get("calibrated"):
        yield tr(
            "{name} chose the answer shown first in {raw:.0%} of its choices ({calibrated:.0%} after calibration); "
            "the order decided {disagree:.0%} of the pairs, which count as ties",
            name=name,
            raw=judge["position"]["raw"]["first"],
            calibrated=calibrated["first"],
            disagree=calibrated["disagree"],
        )
    for criterion, measured in judge["criteria"].items():
        yield tr(
            "{name} answers yes to {criterion} for {raw:.0%} of the instructions ({calibrated:.0%} after calibration "
            "on an instruction without content)",
            name=name,
            criterion=named(criterion, "study"),
            raw=measured["raw"],
            calibrated=measured["calibrated"],
        )
    if constant := constant_answers(judge["votes"]["quality"]):
        verdicts = listed(
            tr("{question}: {answer}", question=named(question, "study"), answer=named(answer, "study"))
            for question, answer in constant.items()
        )
        said = "warning: {name} gave every pair the same verdict ({verdicts}): it does not distinguish pairs"
        hidden = tr("; its grades are not plotted") if OUTPUT in constant else ""
        yield tr(said, name=name, verdicts=verdicts) + hidden
    for task, count in judge["self_judged"].items():
        if count:
            if task == "quality":
                yield tr("warning: {name} judges itself: {count} outputs that it wrote", name=name, count=count)
            else:
                said = "warning: {name} judges itself: {count} pairs that include its own answer"
                yield tr(said, name=name, count=count)


def constant_answers(quality: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the questions to which two or more items all have the same answer, with that answer."""
    if not quality or quality["voted"] < 2:
        return {}
    answers = {name: [one for one, items in labels.items() if items] for name, labels in quality["labels"].items()}
    return {question: found[0] for question, found in answers.items() if len(found) == 1}


def percent(estimate: Mapping[str, float | None]) -> str:
    return _with_interval({name: None if value is None else 100 * value for name, value in estimate.items()}, 1)


def coefficient(estimate: Mapping[str, float | None], digits: int = 2) -> str:
    return _with_interval(estimate, digits)


def _with_interval(estimate: Mapping[str, float | None], digits: int) -> str:
    if estimate["value"] is None:
        return "–"
    interval = "" if estimate["low"] is None else f" [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"
    return f"{estimate['value']:.{digits}f}{interval}"
