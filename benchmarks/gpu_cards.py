"""Limits of a card for a task and a training, computed from its data sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from gpu_models import Shape


@dataclass(frozen=True)
class Card:
    """A card's data sheet.

    Args:
        bandwidth: bytes per second between the card and its memory.
        flops: bf16 operations per second of the tensor cores, without sparsity, summed in fp32.
        memory: bytes.
        source: of the numbers.
    """

    bandwidth: float
    flops: float
    memory: float
    source: str


_H100 = "NVIDIA H100 Tensor Core GPU datasheet; half of its figures with sparsity"
_H200 = "NVIDIA H200 Tensor Core GPU datasheet; half of its figures with sparsity"
_A100 = "NVIDIA A100 Tensor Core GPU datasheet"

CARDS = {
    "NVIDIA H100 80GB HBM3": Card(3.35e12, 989e12, 80e9, _H100),
    "NVIDIA H100 NVL": Card(3.9e12, 835e12, 94e9, _H100),
    "NVIDIA H100 PCIe": Card(2.0e12, 756e12, 80e9, _H100),
    "NVIDIA H200": Card(4.8e12, 989e12, 141e9, _H200),
    "NVIDIA H200 NVL": Card(4.8e12, 835e12, 141e9, _H200),
    "NVIDIA A100-SXM4-80GB": Card(2.039e12, 312e12, 80e9, _A100),
    "NVIDIA A100 80GB PCIe": Card(1.935e12, 312e12, 80e9, _A100),
    "NVIDIA A100-SXM4-40GB": Card(1.555e12, 312e12, 40e9, _A100),
    "NVIDIA A100-PCIE-40GB": Card(1.555e12, 312e12, 40e9, _A100),
    "NVIDIA L40S": Card(0.864e12, 362e12, 48e9, "NVIDIA L40S datasheet"),
    "NVIDIA GeForce RTX 4090": Card(1.008e12, 165.2e12, 24e9, "NVIDIA Ada GPU Architecture whitepaper, appendix A"),
}
"""By the name that the driver gives, to the letter: a slice of a card (MIG) has another name and other limits."""

BYTES = 2
"""Of a bf16 weight, key or value."""


@dataclass(frozen=True)
class Work:
    """Prompts and answer lengths of a task.

    Args:
        rows: prompts.
        read: prompt tokens.
        shared: tokens that all prompts begin with: they are computed once.
        written: tokens of the answers.
    """

    rows: int
    read: int
    shared: int
    written: int

    @property
    def computed(self) -> int:
        """Tokens that pass the layers: an answer's last one is never read."""
        return self.read - (self.rows - 1) * self.shared + self.written - self.rows


def common_beginning(rows: Sequence[Sequence[int]]) -> int:
    """Number of tokens that all rows begin with."""
    first, last = min(rows), max(rows)
    return next((n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def flops(shape: Shape, work: Work) -> float:
    """Operations of a task: two per weight and token, the output embedding only where a token is chosen.

    Attention is counted as if every token saw half of a prompt and its answer.
    """
    context = (work.read + work.written) / work.rows / 2
    attention = 4 * shape.layers * shape.heads * shape.head_size * context
    return work.computed * (2 * shape.products + attention) + work.written * 2 * shape.embedding


def bytes_moved(shape: Shape, work: Work, card: Card) -> float:
    """Bytes that at least come from the memory: the weights in every step, keys and values for every written token.

    As many rows are answered at a time as have room for their keys and values besides the weights.
    """
    per_token = 2 * BYTES * shape.layers * shape.keys
    weights = BYTES * (shape.products + shape.embedding)
    context = (work.read + work.written) / work.rows
    together = max(1, min(work.rows, int((card.memory - weights) / (per_token * context))))
    steps = ceil(work.rows / together) * work.written / work.rows
    mean_context = (work.read + work.written / 2) / work.rows
    return steps * weights + work.written * mean_context * per_token


def least_seconds(shape: Shape, work: Work, card: Card) -> tuple[float, str]:
    """The shortest time that the card's limits allow a task, and which of the two it is."""
    compute, memory = flops(shape, work) / card.flops, bytes_moved(shape, work, card) / card.bandwidth
    return (compute, "FLOPs") if compute >= memory else (memory, "bandwidth")


def mfu(tokens_per_second: float, flops_per_token: float | None, card: Card | None) -> float | None:
    """Share of the card's operations that a training turns into useful ones; None for a card that is not listed."""
    return tokens_per_second * flops_per_token / card.flops if card and flops_per_token else None


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of a training on one card.

    Args:
        lora_rank: 0 trains all weights.
        batch_tokens: tokens of one update.
    """

    lora_rank: int
    batch_tokens: int


LORA_RANK = 64
WEIGHT_BYTES = {0: 18.0, LORA_RANK: 2.4}
"""Per weight, by rank. 18: fp32 weight, gradient and two moments of AdamW, and the bf16 copy that autocast keeps for a
step. 2.4: the bf16 weight, and 18 for each weight of the adapters, some 2% as many."""
ACTIVATION_BYTES = 1.5e6
"""Per token of a batch, with gradient checkpointing: layer inputs, one recomputed layer, a chunk of the logits."""


def plan_training(parameters: float, memory: float | None, max_length: int) -> TrainingPlan:
    """Train all weights where they fit the card with room for 4,096 tokens, else LoRA, on up to 16,384 tokens.

    Args:
        memory: bytes of the card; None on a CPU, which trains all weights on one row.
    """
    if memory is None:
        return TrainingPlan(0, max_length)
    room = {rank: (0.95 * memory - size * parameters) / ACTIVATION_BYTES for rank, size in WEIGHT_BYTES.items()}
    rank = 0 if room[0] >= 4096 else LORA_RANK
    return TrainingPlan(rank, max_length * max(1, min(16_384, int(room[rank])) // max_length))
