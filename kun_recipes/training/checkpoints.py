"""A training that can be interrupted: its folder, which checkpoints are whole, and the end of a preempted job.

    <output_dir>/checkpoints/started.json    what the run was asked, written first
    <output_dir>/checkpoints/checkpoint-<n>  TRL's checkpoints; one counts only with its manifest, written last
    <output_dir>/checkpoints/data/           the conversations, of `prepared`
    <output_dir>/checkpoints/model/          the finished model, before its files are moved up
    <output_dir>/train_summary.json          moved last: a folder without it is an incomplete model

A run may be killed at any instant: half-written files are recognised and deleted. On SIGTERM, with which Slurm
preempts a job, it saves a checkpoint at the end of the step, so that the next run loses nothing.
"""

import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from kun_recipes.config.paths import config_paths
from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import TRAIN_SUMMARY
from kun_recipes.errors import UserError
from kun_recipes.execution.asked import changed_keys, describe
from kun_recipes.training.distributed import print_status
from kun_recipes.training.options import TrainingOptions

MANIFEST = "manifest.json"
_RUN_ONLY = (
    "output_dir",
    "save_",
    "logging_",
    "log_",
    "eval_",
    "hub_",
    "push_",
    "dataloader_",
    "report_to",
    "run_name",
    "disable_tqdm",
    "ddp_",
)
"""Beginnings of TRL's options that change no weight; a run may be continued with others."""
_IN_GLOBAL_BATCH = ("gradient_accumulation_steps", "per_device_train_batch_size")
"""Options that, if global_batch_size is given, only say how its processes share it."""


class RunFolder:
    """The folder of one training.

    Args:
        config: its `output_dir` is the folder; the rest is what the folder must have been made with.
    """

    def __init__(self, config: TrainingOptions):
        self.output = Path(config.output_dir)
        self.asked = made_from(config)

    @property
    def checkpoints(self) -> Path:
        return self.output / "checkpoints"

    @property
    def data(self) -> Path:
        return self.checkpoints / "data"

    @property
    def staged_model(self) -> Path:
        return self.checkpoints / "model"

    def finished(self) -> dict[str, Any] | None:
        """Return the summary of a complete model; otherwise prepare the folder for the run and return None.

        Raises UserError when the folder was made with other settings, or holds something else.
        """
        if (self.staged_model / TRAIN_SUMMARY).is_file():
            self._compare(self.staged_model / TRAIN_SUMMARY)
            self._publish()
        if (self.output / TRAIN_SUMMARY).is_file():
            self._compare(self.output / TRAIN_SUMMARY)
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            return json.loads((self.output / TRAIN_SUMMARY).read_text(encoding="utf-8"))
        started = self.checkpoints / "started.json"
        if started.is_file():
            self._compare(started)
        elif self.output.exists() and (others := {file.name for file in self.output.iterdir()} - {"checkpoints"}):
            raise UserError(f"{self.output}: contains unrelated files ({min(others)}); set another output_dir")
        else:
            write_json(started, {"config": self.asked})
        shutil.rmtree(self.staged_model, ignore_errors=True)
        return None

    def last_checkpoint(self) -> str | None:
        """Return the newest whole checkpoint; broken ones are deleted."""
        whole = []
        for folder in self.checkpoints.glob("checkpoint-*"):
            if _is_whole(folder):
                whole.append(folder)
            else:
                shutil.rmtree(folder)
        return str(max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]))) if whole else None

    def finish(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Make the staged model and its summary the content of the folder, and drop the checkpoints."""
        summary = {**summary, "config": self.asked}
        write_json(self.staged_model / TRAIN_SUMMARY, summary)
        self._publish()
        # on NFS the data's files go with the processes that have them open: the next run removes what they leave
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return summary

    def _publish(self) -> None:
        files = sorted(self.staged_model.iterdir(), key=lambda file: file.name == TRAIN_SUMMARY)  # the summary last
        for file in files:
            os.replace(file, self.output / file.name)

    def _compare(self, file: Path) -> None:
        earlier = json.loads(file.read_text(encoding="utf-8"))["config"]
        if changed := changed_keys(self.asked, earlier):
            raise UserError(
                f"{self.output}: was trained with different values of {', '.join(changed)}; "
                "remove the folder or set another output_dir (recipes/run.py: --fresh)"
            )


class WriteManifest(TrainerCallback):
    """Write a checkpoint's manifest, the names and sizes of its files, once every process has saved its part.

    After the last step no checkpoint is made: transformers, continuing from one there, would take another step.
    """

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step >= state.max_steps:
            control.should_save = False

    on_epoch_end = on_step_end

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_json(folder / MANIFEST, dict(_sizes(folder)))


class SaveByTime(TrainerCallback):
    """Save a checkpoint at the end of the step in which `seconds` have passed since the last one, or the beginning.

    A checkpoint of a large model takes a minute to write, however few steps lie behind it.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.last = time.monotonic()

    on_save = on_train_begin

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # clocks differ between processes: all save at the step at which the first one is due
        if _any_process(time.monotonic() - self.last >= self.seconds):
            control.should_save = True


class StopOnSigterm(TrainerCallback):
    """Save a checkpoint and end the training after the step in which any of its processes got SIGTERM.

    transformers' own enable_jit_checkpoint saves without telling the callbacks, and at another step in each process.
    """

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
        if _any_process(self.asked) and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        signal.signal(signal.SIGTERM, self.before)


def _any_process(flag: bool) -> bool:
    """Return whether `flag` is set in any process of the training; each must ask."""
    return reduce(torch.tensor(float(flag), device=PartialState().device), "sum").item() > 0


def exit_if_stopped(trainer: Trainer) -> None:
    """End the process (exit code 143) if the training did not reach its last step."""
    if trainer.state.global_step < trainer.state.max_steps:
        print_status(f"train: stopped at step {trainer.state.global_step}; run the same command again to resume")
        sys.exit(128 + signal.SIGTERM)


def made_from(config: TrainingOptions) -> dict[str, Any]:
    """Return the settings that decide the weights.

    These are our options, TRL's unless they are at their default, and the content of files: as they were asked for,
    not as this machine's hardware resolves them. The summary's `resolved` has that.
    """
    values = describe(config)
    ours = {name for kind in type(config).__mro__ if kind.__module__.startswith(__package__) for name in _own(kind)}
    run_only = _RUN_ONLY + (_IN_GLOBAL_BATCH if config.global_batch_size else ())
    paths = {path.option for path in config_paths(config)}
    options = {field.name for field in dataclasses.fields(config)}
    made = {key: value for key, value in values.items() if key not in options}  # files of the package that are read
    for field in dataclasses.fields(config):
        key, asked, now = field.name, config.asked[field.name], getattr(config, field.name)
        if key in values and not key.startswith(run_only) and (key in ours or _default(field) not in (asked, now)):
            by_value = asked == now or key in paths or isinstance(now, dict)  # found, or read from JSON
            made[key] = values[key] if by_value else asked
    return made


def _own(kind: type) -> Mapping[str, Any]:
    """Return what a class itself annotates."""
    return vars(kind).get("__annotations__", {})


def _default(field: dataclasses.Field) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _is_whole(folder: Path) -> bool:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    # There may be more: on a shared folder, files of other machines can come into sight after the manifest is written.
    return json.loads(manifest.read_text(encoding="utf-8")).items() <= dict(_sizes(folder)).items()


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith(MANIFEST):
            yield str(file.relative_to(folder)), file.stat().st_size
