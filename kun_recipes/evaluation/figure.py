"""The scores as a picture: a panel a score, a point a model, with its interval."""

from typing import Any

from matplotlib.figure import Figure

from kun_recipes.evaluation.tables import HEADS

CHANCE = 25


def scores_figure(results: dict[str, Any]) -> Figure:
    """The accuracies over subjects and the perplexity of the held-out answers, each with its 95% interval."""
    models = results["models"]
    panels = [
        (f"{about['name']} {head}, %", [_scaled(model["scores"][name][reading], "accuracy", 100) for model in models])
        for name, about in results["benchmarks"].items()
        for reading, head in HEADS.items()
        if reading in models[0]["scores"][name]
    ]
    panels.append(("held-out perplexity", [_scaled(model["held_out"], "perplexity", 1) for model in models]))
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


def _scaled(scores: dict[str, float], name: str, scale: float) -> tuple[float, float, float]:
    return tuple(scale * scores[key] for key in (name, f"{name}_low", f"{name}_high"))
