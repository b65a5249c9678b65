"""Reports of a finished run: tables, the figure, and the results in the Hub's model-index form for model cards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kun_recipes.data.atomic import write_json
from kun_recipes.evaluation.tables import all_tables, heads, score_table
from kun_recipes.reporting.drawing import save, style
from kun_recipes.reporting.language import tr
from kun_recipes.reporting.tables import to_latex, to_markdown

RESULTS = "results.json"
CHANCE = 25
METRICS = {"ppl": "PPL", "ppl-full": "PPL, four passes", "gen": "GEN", "gen-lenient": "GEN, lenient reading"}


def write_reports(results: dict[str, Any], folder: Path) -> None:
    """Write results.json, table.md, table.tex, figure.svg, figure.png and model_index/<model>.json."""
    write_json(folder / RESULTS, results)
    tables = all_tables(results)
    (folder / "table.md").write_text("\n".join(map(to_markdown, tables)), encoding="utf-8")
    (folder / "table.tex").write_text(to_latex(score_table(results)), encoding="utf-8")
    with style():
        save(scores_figure(results), folder / "figure")
    for model in results["models"]:
        write_json(folder / "model_index" / f"{model['name']}.json", model_index(results, model))


def scores_figure(results: dict[str, Any]) -> Figure:
    """Return the accuracies over subjects and the perplexity of the held-out answers, each with its 95% interval."""
    models = results["models"]
    panels = [
        (f"{about['name']} {head}, %", [_scaled(model["scores"][name][reading], "accuracy", 100) for model in models])
        for name, about in results["benchmarks"].items()
        for reading, head in heads().items()
        if reading in models[0]["scores"][name]
    ]
    panels.append((tr("held-out perplexity"), [_scaled(model["held_out"], "perplexity", 1) for model in models]))
    figure = Figure(figsize=(3.2 * len(panels), 1.2 + 0.5 * len(models)))
    for axes, (title, points) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
    ):
        values = [value for value, _, _ in points]
        errors = [[value - low for value, low, _ in points], [high - value for value, _, high in points]]
        axes.errorbar(values, range(len(models)), xerr=errors, fmt="o", capsize=3)
        if title.endswith("%"):
            axes.axvline(CHANCE, color="grey", linewidth=1, linestyle=":")
        axes.set_title(title)
        axes.set_yticks(range(len(models)), [model["name"] for model in models])
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.grid(alpha=0.3, axis="x")
    return figure


def _scaled(scores: dict[str, Any], name: str, scale: float) -> tuple[float, float, float]:
    """Return a value and its bounds; the value itself where it has no interval."""
    value, low, high = (scores[key] for key in (name, f"{name}_low", f"{name}_high"))
    return scale * value, scale * (value if low is None else low), scale * (value if high is None else high)


def model_index(results: dict[str, Any], model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of one model: an entry a benchmark, and one for the held-out pairs."""
    return [
        *(_benchmark(results, model, name) for name in model["scores"]),
        {
            "task": {"type": "text-generation", "name": "Instruction following"},
            "dataset": {"type": "held-out-seeds", "name": f"{model['held_out']['pairs']} held-out seed pairs"},
            "metrics": [
                _metric("perplexity", "perplexity of the reference answer", model["held_out"], "perplexity", 1),
                {
                    "type": "refusal-rate",
                    "name": "refusals, %",
                    "value": round(100 * model["held_out"]["refusals"], 2),
                },
            ],
        },
    ]


def _benchmark(results: dict[str, Any], model: dict[str, Any], name: str) -> dict[str, Any]:
    about, scores = results["benchmarks"][name], model["scores"][name]
    is_real = about["name"] == about["title"]
    dataset = {
        "type": about["hub"] if is_real else about["name"].lower().replace(" ", "-"),
        "name": _dataset_name(about, results["limit"]),
        "split": about["split"],
    }
    if is_real and about["revision"]:
        dataset["revision"] = about["revision"]
    return {
        "task": {"type": "multiple-choice", "name": "Multiple choice"},
        "dataset": dataset,
        "metrics": list(_metrics(results, scores, model["format"], about)),
    }


def _metrics(results: dict[str, Any], scores: dict[str, Any], format: str, about: dict) -> Iterator[dict[str, Any]]:
    how = f"{results['shots']} shots, {format} prompt v{about['prompt_version']}, mean over subjects, %"
    single = ", single newlines" if format == "plain" and about["ppl_spacing"] == "single" else ""
    for reading, title in METRICS.items():
        if reading in scores:
            variant = single if reading.startswith("ppl") else ""
            yield _metric("accuracy", f"{title}{variant}, {how}", scores[reading], "accuracy", 100)
    if "unparsed" in scores:
        yield {
            "type": "unparsed",
            "name": "GEN, no letter by either reading, %",
            "value": round(100 * scores["unparsed"], 2),
        }


def _metric(type: str, name: str, scores: dict[str, Any], key: str, scale: float) -> dict[str, Any]:
    metric = {"type": type, "name": name, "value": round(scale * scores[key], 2)}
    bounds = [scores[f"{key}_low"], scores[f"{key}_high"]]
    return metric if None in bounds else metric | {"confidence_interval": [round(scale * one, 2) for one in bounds]}


def _dataset_name(about: dict[str, Any], limit: int | None) -> str:
    """Return name of the dataset, which states the part asked if it is not the whole benchmark."""
    part = about["subjects"] < about["subjects_of_all"] or limit is not None
    return (
        f"{about['name']} ({about['questions']} questions of {about['subjects']} subjects)" if part else about["name"]
    )
