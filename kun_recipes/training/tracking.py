"""Progress of a training: a bar with the loss and the time left, the experiment trackers, and the loss as a picture.

The bar is quiet if stderr is not a terminal. TensorBoard writes into the model's folder; other trackers send to where
their own settings say, and only by name: `report_to`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from kun_recipes.errors import ConfigError, UserError
from kun_recipes.progress import progress_bar

LOGS = "logs"
"""Folder of TensorBoard's files in the model's folder."""
LOSS_PLOT = "loss.png"
"""File of the loss curve in the model's folder."""
LOSS_AXIS = "loss (nats per token)"
_WINDOW = 0.05
"""Share of the logged losses that a point of the smoothed curve is the mean of."""


def check_trackers(names: Sequence[str]) -> None:
    """Raise ConfigError for a tracker that transformers does not know."""
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            raise ConfigError("report_to", f"unknown tracker {name}; choose none, {known}")


def make_trackers(names: Sequence[str], output: Path, step: int | None = None) -> list[TrainerCallback]:
    """Return the callbacks of the trackers `names`; raise UserError if a tracker's package is missing.

    Args:
        output: the model's folder.
        step: where an interrupted run is continued from; what it wrote after that step is written again.
    """
    trackers = []
    for name in names:
        try:
            tensorboard = name == "tensorboard"
            trackers.append(TensorBoard(output / LOGS, step) if tensorboard else INTEGRATION_TO_CALLBACK[name]())
        except (ImportError, RuntimeError) as error:
            raise UserError(f"report_to: {name} is not installed; install it, or remove it from report_to") from error
    return trackers


class TensorBoard(TensorBoardCallback):
    """transformers' callback, with its files in `folder`.

    Args:
        folder: where the files of all parts of an interrupted run lie side by side.
        step: where the run is continued from; TensorBoard hides what the earlier part wrote after it.
    """

    def __init__(self, folder: Path, step: int | None = None):
        super().__init__()
        self.logging_dir = str(folder)
        self.purge_step = None if step is None else step + 1

    def _init_summary_writer(self, args: TrainingArguments) -> None:
        self.tb_writer = self._SummaryWriter(log_dir=self.logging_dir, purge_step=self.purge_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the file open for the held-out loss after the training.

        A second file of the same second can sort before the first ("….10" before "….9"), and TensorBoard, which reads
        files in the order of their names, then drops the first file's values as stale. `on_log` flushes.
        """


class ProgressBar(TrainerCallback):
    """A bar over update steps, and one over the held-out pairs while they are measured."""

    def __init__(self) -> None:
        self.training: tqdm | None = None
        self.measuring: tqdm | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self.training = progress_bar(state.max_steps, "train", unit="step")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.training is not None:
            self.training.update(state.global_step - self.training.n)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict, **kwargs: Any
    ) -> None:
        if self.training is not None and "loss" in logs:
            speed = logs.get("useful_tokens_per_second")
            self.training.set_postfix({"loss": f"{logs['loss']:.3f}", "tokens/s": speed}, refresh=False)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.training is not None:
            self.training.close()
            self.training = None

    def on_prediction_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        eval_dataloader: Any,
        **kwargs: Any,
    ) -> None:
        if state.is_world_process_zero and self.measuring is None:
            self.measuring = progress_bar(len(eval_dataloader), "held-out loss", unit="batch")
        if self.measuring is not None:
            self.measuring.update()

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.measuring is not None:
            self.measuring.close()
            self.measuring = None


def plot_losses(history: Sequence[dict[str, Any]], file: Path, loss: str = LOSS_AXIS) -> None:
    """Draw training loss, its running mean, and held-out loss over the update steps.

    Args:
        history: the trainer's `log_history`: entries with `step` and `loss` or `eval_loss`.
        file: the PNG to write.
        loss: name of its axis.
    """
    # here: `check_trackers` is needed for a plan, which does without matplotlib
    from matplotlib.figure import Figure

    from kun_recipes.reporting.drawing import BLUE, ORANGE, style

    with style():
        figure = Figure(figsize=(8, 4.5))
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
        axes.set_ylabel(loss)
        axes.set_ylim(bottom=0)
        axes.grid()
        axes.legend()
        figure.savefig(file, dpi=150)


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return the mean of each `window` neighbours: `window` - 1 values fewer than `values`."""
    return [sum(values[end - window : end]) / window for end in range(window, len(values) + 1)]


def _points(history: Sequence[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    points = [(entry["step"], entry[key]) for entry in history if key in entry]
    return [step for step, _ in points], [value for _, value in points]
