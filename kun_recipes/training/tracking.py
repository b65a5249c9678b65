"""Progress of a training: one bar with the loss and the time left, quiet where stderr is no terminal."""

from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from kun_recipes.progress import progress_bar


class ProgressBar(TrainerCallback):
    """A bar over update steps, and one over the held-out pairs while they are measured."""

    def __init__(self):
        self.training: tqdm | None = None
        self.measuring: tqdm | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        if state.is_world_process_zero:
            self.training = progress_bar(state.max_steps, "train", unit="step")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        if self.training is not None:
            self.training.update(state.global_step - self.training.n)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict, **kwargs: Any):
        if self.training is not None and "loss" in logs:
            self.training.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
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
    ):
        if state.is_world_process_zero and self.measuring is None:
            self.measuring = progress_bar(len(eval_dataloader), "held-out loss", unit="batch")
        if self.measuring is not None:
            self.measuring.update()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any):
        if self.measuring is not None:
            self.measuring.close()
            self.measuring = None
