"""SIGTERM, with which Slurm preempts a job: a checkpoint at the end of the step, so that the next run loses nothing.

transformers' own enable_jit_checkpoint saves without telling the callbacks, and at another step in each process.
"""

import signal
import sys
from types import FrameType
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from kun_recipes.training.distributed import print_status


class StopOnSigterm(TrainerCallback):
    """Saves a checkpoint and ends the training after the step in which any of its processes got SIGTERM."""

    def __init__(self) -> None:
        self.asked = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.before = signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # the signal reaches the processes at different times: all stop at the step at which the first has it
        asked = reduce(torch.tensor(float(self.asked), device=PartialState().device), "sum").item()
        if asked and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        signal.signal(signal.SIGTERM, self.before)


def leave_if_stopped(trainer: Trainer) -> None:
    """End the process (exit code 143) where the training did not come to its last step."""
    if trainer.state.global_step < trainer.state.max_steps:
        print_status(f"train: stopped at step {trainer.state.global_step}; the same command goes on from there")
        sys.exit(128 + signal.SIGTERM)
