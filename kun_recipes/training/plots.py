"""The curve of a training as a picture: `loss.png` in the model's folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kun_recipes.reporting.drawing import BLUE, ORANGE, style

LOSS_PLOT = "loss.png"
_WINDOW = 0.05
"""Share of the points that a smoothed point is the mean of."""


def plot_losses(history: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw training loss, its running mean, and held-out loss over the update steps.

    Args:
        history: the trainer's `log_history`: entries with `step` and `loss` or `eval_loss`, nats a token.
        file: the PNG to write.
    """
    with style():
        figure = Figure(figsize=(8, 4.5))
        _draw(figure, history)
        figure.savefig(file, dpi=150)


def _draw(figure: Figure, history: Sequence[dict[str, Any]]) -> None:
    axes = figure.subplots()
    steps, losses = _points(history, "loss")
    axes.plot(steps, losses, color=BLUE, alpha=0.3, linewidth=1, label="training, as logged")
    window = max(1, round(len(losses) * _WINDOW))
    if window > 1:
        smoothed = running_mean(losses, window)
        axes.plot(steps[window - 1 :], smoothed, color=BLUE, label=f"training, mean of {window} logged")
    steps, losses = _points(history, "eval_loss")
    if losses:
        axes.plot(steps, losses, color=ORANGE, marker="o", label="held out")
    axes.set_xlabel("update step")
    axes.set_ylabel("loss (nats a token)")
    axes.set_ylim(bottom=0)
    axes.grid()
    axes.legend()


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """The mean of each `window` neighbours: one value less than `values` for each neighbour."""
    return [sum(values[end - window : end]) / window for end in range(window, len(values) + 1)]


def _points(history: Sequence[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    points = [(entry["step"], entry[key]) for entry in history if key in entry]
    return [step for step, _ in points], [value for _, value in points]
