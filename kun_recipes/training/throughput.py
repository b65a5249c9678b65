"""Throughput of a training, its share of padding, and its share of the hardware's peak (MFU).

Counting is left on the device: it is read when a loss is logged or a checkpoint saved, never in between.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator
from transformers import PretrainedConfig, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState
from trl.trainer.utils import adjusted_mfu, compute_flops_per_token, compute_mfu, get_peak_flops

from kun_recipes.execution.usage import of_this_process

_UNTRAINED_BASE = 2 / 3
"""Share of a step's operations that LoRA takes: the frozen weights have no gradient of their own."""
_SAME_CHIP = {"A800": "A100", "H800": "H100"}
"""Devices that TRL's table lacks, and those they differ from in the links between devices alone."""


class Throughput(TrainerCallback, ExportableState):
    """Count tokens and seconds of the training steps, of all processes together.

    Evaluating and saving are not timed. The counts are kept in the checkpoints, the seconds are of this process alone.

    Args:
        accelerator: of the trainer.
        pad_token_id: identifies padding if a batch has no attention mask.
        flops: operations that a useful token takes, of `flops_per_token`.
        peak_flops: operations per second of one device, of `device_peak`. The MFU is left out where either is None.
    """

    def __init__(
        self, accelerator: Accelerator, pad_token_id: int, flops: float | None = None, peak_flops: float | None = None
    ):
        self.accelerator, self.pad_token_id = accelerator, pad_token_id
        self.flops, self.peak_flops = flops, peak_flops
        self.earlier = [0, 0, 0]  # positions, of them not padding, of them trained; before this process
        self.counted = [0, 0, 0]
        self.last = [0, 0, 0]  # of the interval that was logged last
        self.seconds = self.last_seconds = 0.0
        self.pending: torch.Tensor | None = None
        self.running_since: float | None = None

    def count(self, inputs: dict[str, Any]) -> None:
        """Count a batch that is about to be trained on, without waiting for the device."""
        ids = inputs["input_ids"]
        mask = inputs.get("attention_mask")
        useful = (ids != self.pad_token_id if mask is None else mask).sum()
        answers = inputs["completion_mask"] if "labels" not in inputs else inputs["labels"][:, 1:] != -100
        trained = answers.sum()
        counts = torch.stack([torch.full_like(useful, ids.numel()), useful, trained])
        self.pending = counts if self.pending is None else self.pending + counts

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.earlier = state.stateful_callbacks["Throughput"]["attributes"]["counted"]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.running_since is None:
            self.running_since = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        pauses = control.should_log or control.should_evaluate or control.should_save
        if self.running_since is not None and (pauses or state.global_step >= state.max_steps):
            self._pause()

    on_epoch_end = on_step_end

    def _pause(self) -> None:
        assert self.pending is not None and self.running_since is not None  # of the step that has just ended
        pending = self.pending.to(self.accelerator.device)
        counts = self.accelerator.reduce(pending, "sum").tolist()  # waits until the device has done its steps
        self.last, self.last_seconds = counts, time.perf_counter() - self.running_since
        self.counted = [all + new for all, new in zip(self.counted, counts, strict=True)]
        self.seconds += self.last_seconds
        self.pending = self.running_since = None

    def state(self) -> dict[str, Any]:
        """Return the counts that a checkpoint keeps."""
        counted = [before + now for before, now in zip(self.earlier, self.counted, strict=True)]
        return {"args": {}, "attributes": {"counted": counted}}

    def log(self) -> dict[str, float]:
        """Return the measurements of the interval logged last, for the log lines."""
        measured = {**self._speed(self.last, self.last_seconds), "padding_share": _padding_share(self.last)}
        return {key: value for key, value in measured.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """Return the measurements of the run: `padding_share`, what depends on the hardware, and what was used.

        tokens_per_second counts every position, useful_… those that are not padding, trained_… those with a loss;
        mfu (share of the peak) is None where the device's peak is not known, as is peak_memory_gb (10^9 bytes, of the
        process with most) on a CPU.
        """
        whole = self.state()["attributes"]["counted"]
        speed, processes = self._speed(self.counted, self.seconds), self.accelerator.num_processes
        peak, on_gpus = self._peak_memory(), self.accelerator.device.type == "cuda"
        used = of_this_process(self.seconds, self.counted[1], processes if on_gpus else 0)
        used = replace(used, peak_memory_gb=peak) if peak else replace(used, devices=used.devices * processes)
        return {
            "padding_share": _padding_share(whole),
            "throughput": {
                "processes": processes,
                **speed,
                "peak_memory_gb": peak,
            },
            **used.summary(),
        }

    def _speed(self, counts: list[int], seconds: float) -> dict[str, float | None]:
        every, useful, trained = (round(count / seconds, 1) if seconds else None for count in counts)
        mfu = None
        if self.flops and self.peak_flops and useful:
            share = compute_mfu(self.flops, useful, self.accelerator.num_processes, self.peak_flops) / 100
            mfu = round(share, 4)
        return {
            "tokens_per_second": every,
            "useful_tokens_per_second": useful,
            "trained_tokens_per_second": trained,
            "mfu": mfu,
        }

    def _peak_memory(self) -> float | None:
        if self.accelerator.device.type != "cuda":
            return None
        peak = torch.tensor(torch.cuda.max_memory_allocated() / 1e9, device=self.accelerator.device)
        return round(self.accelerator.gather(peak).max().item(), 2)


def flops_per_token(config: PretrainedConfig, lengths: Iterable[int], lora: bool) -> float | None:
    """Return the floating-point operations per trained token, with causal attention within its conversation.

    Args:
        config: of the model.
        lengths: of the conversations, in tokens.
        lora: whether only adapters are trained.

    Return None for a model whose shape TRL's formula does not know.
    """
    lengths = list(lengths)
    attended = round(sum(length * length for length in lengths) / sum(lengths))
    text = config.get_text_config()
    try:
        full = compute_flops_per_token(text, attended)
    except AttributeError:
        return None
    return full * adjusted_mfu(1.0, text, attended) * (_UNTRAINED_BASE if lora else 1)


def device_peak(accelerator: Accelerator, dtype: torch.dtype) -> float | None:
    """Return the dense operations per second of the device by TRL's table (TorchTitan's); None for one not listed.

    Args:
        dtype: of the model's weights, in which the products are taken unless there is mixed precision.
    """
    if accelerator.device.type != "cuda":
        return None
    weights = str(dtype).removeprefix("torch.")
    products = {"bf16": "bfloat16", "fp16": "float16"}.get(accelerator.mixed_precision, weights)
    name = torch.cuda.get_device_name(accelerator.device)
    for device, listed in _SAME_CHIP.items():
        name = name.replace(device, listed)
    return get_peak_flops(name, products)


def _padding_share(counts: list[int]) -> float | None:
    return round(1 - counts[1] / counts[0], 4) if counts[0] else None
