"""The arguments that vLLM's engine is made with: apart from it, so that they can be read and tested without vLLM."""

from typing import Any

from kun_recipes.models.engines.settings import EngineSettings

CPU_CACHE_GB = 2.0

SHORTEST_NGRAM = 3
"""Last tokens of a text that must stand before, too, so that what followed them there is guessed."""

LONGEST_NGRAM = 5


def engine_arguments(settings: EngineSettings, max_model_len: int, on_cpu: bool) -> dict[str, Any]:
    """Return vLLM's `EngineArgs` for `settings`.

    Arguments that are None are left to vLLM: it knows how many rows and tokens a step should have on the card.

    Args:
        max_model_len: longest prompt and answer that will be asked for, tokens.
        on_cpu: whether vLLM's CPU build will run them.
    """
    cache_gb = settings.cache_gb or (CPU_CACHE_GB if on_cpu else None)
    tokens = settings.max_batch_tokens
    return {
        "model": settings.model,
        "skip_tokenizer_init": True,  # it sees tokens only
        "generation_config": "vllm",  # no sampling defaults from the model's folder
        "trust_remote_code": False,
        "dtype": settings.resolved_dtype(),
        "max_model_len": max_model_len,
        "max_num_batched_tokens": tokens and max(tokens, max_model_len),
        "max_num_seqs": settings.max_sequences,
        "speculative_config": _speculative_config(settings.speculative_tokens),
        "tensor_parallel_size": settings.tensor_parallel,
        "gpu_memory_utilization": settings.gpu_memory,
        "kv_cache_memory_bytes": int(cache_gb * 2**30) if cache_gb else None,
        "enable_prefix_caching": True,
        "enforce_eager": on_cpu,
        "disable_log_stats": True,
    }


def _speculative_config(tokens: int) -> dict[str, Any] | None:
    if not tokens:
        return None
    return {
        "method": "ngram",
        "num_speculative_tokens": tokens,
        "prompt_lookup_min": SHORTEST_NGRAM,
        "prompt_lookup_max": LONGEST_NGRAM,
    }
