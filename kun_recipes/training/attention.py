"""Attention for conversations that share a row, each of which sees itself alone; and the Hub's kernels.

A packed or padding-free batch is one row; `position_ids` start at 0 with each conversation. For such a row, without an
`attention_mask`, transformers makes a block-diagonal causal mask, which `eager` and `sdpa` apply and flash attention
replaces by the boundaries.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, Literal

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.utils import (
    is_flash_attn_2_available,
    is_flash_attn_3_available,
    is_flash_attn_4_available,
    is_kernels_available,
)

from kun_recipes.errors import UserError

Attention = Literal["eager", "sdpa", "varlen_sdpa", "flash_attention_2", "flash_attention_3", "flash_attention_4"]
"""Those that keep the conversations of a row apart."""
VARLEN_SDPA: Final = "varlen_sdpa"
FLASH: dict[Attention, Callable[..., bool]] = {
    "flash_attention_4": is_flash_attn_4_available,
    "flash_attention_3": is_flash_attn_3_available,
    "flash_attention_2": is_flash_attn_2_available,
}
"""The flash attentions, the newest first, and whether this machine has them."""


def choose_attention(asked: Attention | None, shared_rows: bool, on_gpu: bool) -> Attention:
    """Return the name of the attention to load the model with.

    Args:
        asked: as in the config; None takes the newest flash attention that is installed, on a GPU; otherwise
            `varlen_sdpa` on a CPU where conversations share rows, and `sdpa`.
        shared_rows: whether several conversations lie in one row.
        on_gpu: whether the training is on a GPU.

    Raises UserError for a flash attention that cannot run here.
    """
    if asked in FLASH and not FLASH[asked](kernels_fallback_ok=True):
        raise UserError(
            f"attn_implementation: {asked} needs a GPU and one of the packages flash-attn and kernels, and this "
            "machine lacks the GPU or both packages; remove attn_implementation to use what this machine supports"
        )
    if asked:
        return asked
    if on_gpu:
        return next((name for name, available in FLASH.items() if available()), "sdpa")
    return VARLEN_SDPA if shared_rows else "sdpa"


def check_kernels(model_init_kwargs: dict[str, Any] | None, on_gpu: bool) -> None:
    """Raise UserError if `use_kernels` (the Hub's fused layers) is set without a GPU or the `kernels` package."""
    if not (model_init_kwargs or {}).get("use_kernels"):
        return
    if not on_gpu:
        raise UserError("model_init_kwargs: use_kernels needs a GPU; remove use_kernels")
    if not is_kernels_available():
        raise UserError("model_init_kwargs: use_kernels needs the package kernels; install it, or remove use_kernels")


def varlen_sdpa(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return `sdpa`, a conversation at a time: scores that the block-diagonal mask would hide are not computed.

    Args:
        query, key, value: [1, heads, tokens, head size].
        attention_mask: as for `sdpa`, [1, 1, tokens, tokens] or None.
        cu_seq_lens_q: where the conversations begin, and the end, [conversations + 1]; None: plain `sdpa`.

    Returns:
        The output, [1, tokens, heads, head size], and None for the weights.
    """
    if cu_seq_lens_q is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    outputs = []
    for start, end in pairwise(cu_seq_lens_q.tolist()):
        own = slice(start, end)
        mask = None if attention_mask is None else attention_mask[:, :, own, own]
        output, _ = sdpa_attention_forward(module, query[:, :, own], key[:, :, own], value[:, :, own], mask, **kwargs)
        outputs.append(output)
    return torch.cat(outputs, dim=1), None


AttentionInterface.register(VARLEN_SDPA, varlen_sdpa)
AttentionMaskInterface.register(VARLEN_SDPA, sdpa_mask)
