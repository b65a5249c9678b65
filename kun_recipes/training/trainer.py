"""TRL's SFTTrainer, kept to itself, and fast on a CPU."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer


class Trainer(SFTTrainer):
    """SFTTrainer that tells nobody about the run, writes no model card (ours is made when publishing), and on a CPU
    computes logits for the answers alone.

    TRL's fused loss scores every position on a CPU, the prompt's too, and partly in fp32: with a vocabulary of 150,000
    that takes most of a small model's time. The value is the same.
    """

    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        pass

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Cross-entropy of the answer tokens (nats), summed over the batch and divided by `num_items_in_batch`."""
        plain = self.args.loss_type == "nll" and self.label_smoother is None and not self.aux_loss_enabled
        if inputs["input_ids"].device.type != "cpu" or not plain or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = inputs["labels"][:, 1:]
        answers = (
            (targets != -100).any(dim=0).nonzero().squeeze(1)
        )  # positions that predict an answer token in any row
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            logits_to_keep=answers,
            use_cache=False,
        ).logits
        targets = targets[:, answers]
        loss = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        if num_items_in_batch is None:
            return loss / (targets != -100).sum()
        # as in SFTTrainer: the count is over all processes, and their gradients are averaged
        processes = self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
        return loss * processes / num_items_in_batch
