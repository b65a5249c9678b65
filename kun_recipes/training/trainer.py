"""TRL's trainers, kept to themselves and measured; its SFTTrainer fast on a CPU."""

from collections.abc import Iterator
from typing import Any

import pyarrow
import torch
from datasets import Dataset
from pyarrow import compute
from torch.nn.functional import cross_entropy
from transformers import Trainer as HubTrainer
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import SFTTrainer

from kun_recipes.training.throughput import Throughput, device_peak, flops_per_token


class Measured(HubTrainer):
    """Base of a trainer of TRL's that measures its throughput.

    It reports the run to no service, and writes no model card: ours is made when publishing.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        peak = device_peak(self.accelerator, self.model.dtype)
        flops = self.flops_per_token() if peak else None
        self.throughput = Throughput(self.accelerator, self.processing_class.pad_token_id, flops, peak)
        self.add_callback(self.throughput)

    def flops_per_token(self) -> float | None:
        """Return the operations per useful token; None where they are not known."""
        return None

    def lengths(self) -> list[int]:
        """Return the tokens of each conversation trained on."""
        raise NotImplementedError

    def trained_tokens(self) -> int:
        """Return the tokens trained on that have a loss."""
        raise NotImplementedError

    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        pass

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        self.throughput.count(inputs)
        return super().training_step(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs:
            logs |= self.throughput.log()
        super().log(logs, *args, **kwargs)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> torch.utils.data.Sampler | None:
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
            return SeededLengthGroupedSampler(sampler, seed)
        return sampler


class Trainer(Measured, SFTTrainer):
    """SFTTrainer that on a CPU computes logits for the answers alone.

    TRL's fused loss scores every position on a CPU, the prompt's too, and partly in fp32: with a vocabulary of 150,000
    that takes most of a small model's time. The value is the same.
    """

    def flops_per_token(self) -> float | None:
        return flops_per_token(self.model.config, self.lengths(), lora=self.args.use_peft)

    def lengths(self) -> list[int]:
        return conversation_lengths(self.train_dataset)

    def trained_tokens(self) -> int:
        return trained_tokens(self.train_dataset)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return cross-entropy of the answer tokens (nats), summed over the batch and divided by `num_items_in_batch`.

        Args:
            inputs: from TRL's collator: input_ids and labels [rows, tokens], and an attention_mask of that shape or,
                where the conversations of the batch share one row, position_ids and the boundaries.
        """
        plain = self.args.loss_type == "nll" and self.label_smoother is None and not self.aux_loss_enabled
        if inputs["input_ids"].device.type != "cpu" or not plain or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = inputs["labels"][:, 1:]
        answers = (
            (targets != -100).any(dim=0).nonzero().squeeze(1)
        )  # positions that predict an answer token in any row
        context = {key: value for key, value in inputs.items() if key != "labels"}
        logits = model(**context, logits_to_keep=answers, use_cache=False).logits
        targets = targets[:, answers]
        loss = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        if num_items_in_batch is None:
            return loss / (targets != -100).sum()
        # as in SFTTrainer: the count is over all processes, and their gradients are averaged
        processes = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
        return loss * processes / num_items_in_batch


class SeededLengthGroupedSampler(LengthGroupedSampler):
    """The order of `sampler`, drawn again for each epoch from a seed: the same in every process, and after a restart.

    transformers' own draws it from the state that the global generator happens to be in.
    """

    def __init__(self, sampler: LengthGroupedSampler, seed: int):
        super().__init__(sampler.batch_size, lengths=sampler.lengths, generator=torch.Generator())
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator.manual_seed(self.seed + self.epoch)
        return super().__iter__()


def conversation_lengths(dataset: Dataset) -> list[int]:
    """Return tokens of each conversation of a tokenised dataset, packed or not."""
    if "seq_lengths" in dataset.column_names:
        return compute.list_flatten(column_of(dataset, "seq_lengths")).to_pylist()
    return compute.list_value_length(column_of(dataset, "input_ids")).to_pylist()


def trained_tokens(dataset: Dataset) -> int:
    """Return the tokens of a tokenised dataset that have a loss."""
    return compute.sum(compute.not_equal(compute.list_flatten(column_of(dataset, "labels")), -100)).as_py()


def column_of(dataset: Dataset, name: str) -> pyarrow.ChunkedArray:
    return dataset.with_format("arrow")[:][name]
