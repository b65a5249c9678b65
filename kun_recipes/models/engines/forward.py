"""Forward passes of a causal language model over batches of token rows, the shared beginning encoded once."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, LinearAttentionLayer

from kun_recipes.errors import UserError
from kun_recipes.models.engines.batching import left_padded, shared_length


def _arguments(model: PreTrainedModel) -> frozenset[str]:
    return frozenset(inspect.signature(type(model).forward).parameters)


def _cache_argument(model: PreTrainedModel) -> str | None:
    """Return the name by which the model takes keys and values; transformers renamed it in 5.24."""
    return next((name for name in ("cache", "past_key_values") if name in _arguments(model)), None)


def check_cached(model: PreTrainedModel, folder: Path) -> None:
    """Raise UserError for a model that keeps its past in another way than keys and values, such as Mamba."""
    layers = DynamicCache(config=model.config).layers
    if _cache_argument(model) is None or (layers and not any(isinstance(one, DynamicLayer) for one in layers)):
        raise UserError(
            f"{folder}: the transformers engine cannot run {type(model).__name__}, which has no key-value cache; "
            "choose engine: vllm or another model"
        )


class Batch:
    """Rows that go through the model together, between two forward passes.

    Attributes:
        cache: keys and values of every token so far. Appending copies it: 5 ms of a step's 190 at 16 rows x 300
            tokens on two cores, so that a preallocated cache would gain nothing.
        mask: [rows, tokens so far], 1 for tokens, 0 for padding.
        cache_argument: name by which the model takes the cache.
        takes_positions: whether the model takes positions.
    """

    def __init__(self, model: PreTrainedModel, cache: DynamicCache, mask: torch.Tensor):
        self.model = model
        self.cache = cache
        self.mask = mask
        self.cache_argument = _cache_argument(model) or ""  # `check_cached`
        # ALiBi models, such as Bloom, count positions from the mask themselves
        self.takes_positions = "position_ids" in _arguments(model)

    def advance(self, tokens: torch.Tensor, mask: torch.Tensor, keep: int = 1) -> torch.Tensor:
        """Run `tokens` [rows, n], of which `mask` [rows, n] are no padding; logits of the last `keep` positions.

        Positions are counted in real tokens, since padding may lie between the shared beginning and the rest.
        """
        self.mask = torch.cat([self.mask, mask], dim=1)
        positions = (self.mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
        numbered = {"position_ids": positions} if self.takes_positions else {}
        return self.model(
            input_ids=tokens,
            attention_mask=self.mask,
            **numbered,
            **{self.cache_argument: self.cache},
            use_cache=True,
            logits_to_keep=keep,
        ).logits

    def select(self, rows: list[int]) -> None:
        """Keep only these rows, in this order; a row may come several times."""
        index = torch.tensor(rows, device=self.mask.device)
        for layer in self.cache.layers:
            if isinstance(layer, LinearAttentionLayer):  # no batch_select_indices; may hold keys and values, too
                layer.reorder_cache(index)
            else:
                layer.batch_select_indices(index)
        self.mask = self.mask[index]


class PrefixedRows:
    """Token rows whose common beginning is encoded once and reused for every batch.

    Models with sliding-window or recurrent layers share nothing: the padding between the shared beginning and the rest
    would count into their window.

    Args:
        rows: all rows of the call, none empty.
        limit: tokens of every row that may be shared; the rest, at least one token, runs in the row's batch.
    """

    def __init__(self, model: PreTrainedModel, rows: Sequence[list[int]], limit: int):
        self.model = model
        self.rows = rows
        self.prefix = self._batch_of(1, None)
        plain = not (any(self.prefix.cache.is_sliding) or any(self.prefix.cache.is_linear))
        self.shared = shared_length(rows, limit) if plain else 0
        if self.shared:
            tokens = torch.tensor([rows[0][: self.shared]], device=model.device)
            self.prefix.advance(tokens, torch.ones_like(tokens))

    def forward(self, numbers: Sequence[int], keep: int = 1) -> tuple[torch.Tensor, Batch]:
        """Run the rows with these numbers: their batch, and logits [rows, keep, vocabulary] of the last positions.

        Of equal rows one is run.
        """
        places: dict[tuple[int, ...], int] = {}
        copies = [places.setdefault(tuple(self.rows[number]), len(places)) for number in numbers]
        tokens, mask = left_padded([row[self.shared :] for row in places])
        batch = self._batch_of(len(places), self.prefix.cache if self.shared else None)
        device = self.model.device
        logits = batch.advance(torch.tensor(tokens, device=device), torch.tensor(mask, device=device), keep)
        if len(places) < len(copies):
            batch.select(copies)
            logits = logits[copies]
        return logits, batch

    def _batch_of(self, rows: int, prefix: DynamicCache | None) -> Batch:
        cache = DynamicCache(config=self.model.config)
        if prefix is None:
            return Batch(self.model, cache, torch.ones(rows, 0, dtype=torch.long, device=self.model.device))
        for number, layer in enumerate(prefix.layers):
            cache.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), number)
        return Batch(self.model, cache, self.prefix.mask.expand(rows, -1))
