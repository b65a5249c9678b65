"""Open an engine for a stage; vLLM gets the context that its prompts need, not the model's longest.

What a context needs is taken from the room for keys and values, so that a shorter one lets more rows run at a time.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kun_recipes.models.engines import EngineSettings, check_installed
from kun_recipes.models.engines.base import Prompt, Sampling
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.options import EngineConfig
from kun_recipes.models.resolve import resolve_model

Request = tuple[Prompt, int]
"""A prompt, and the tokens that its answer may have."""

ROUNDED_TO = 64
"""Tokens; a few more rows then leave the plan, and what is compiled for it, as they are."""

TOKENS_A_TOKEN = 3
"""Tokens that a written token may be when its text is read again: a byte that is no character becomes U+FFFD."""

PROMPTS_AT_ONCE = 1024


def open_engine(
    config: EngineConfig,
    requests: Iterable[Request],
    *,
    model: str | None = None,
    plain: bool = False,
    decoding: Sampling | None = None,
) -> EngineSettings:
    """Find the model, choose the context that the requests need, and say on stderr what will be loaded.

    The model itself is loaded by the processes that ask it, once each.

    Args:
        config: of the stage.
        requests: all that the model will be asked.
        model: folder of the model, already resolved; None: the config's.
        plain: whether prompts are asked without the chat template.
        decoding: how tokens are picked; None: as the config says.

    Raises:
        UserError: the engine's library is not installed, or the model cannot be had.
    """
    check_installed(config.engine)
    settings = replace(config.settings(model or resolve_model(config.model, config.model_revision)), plain=plain)
    settings = fit_context(settings, requests)
    announce(settings, decoding or config.decoding(), config.where().workers)
    return settings


def fit_context(settings: EngineSettings, requests: Iterable[Request]) -> EngineSettings:
    """Return `settings` with the shortest max_model_len that holds every request which fits the model's context.

    Only vLLM needs to know; a longer request is removed where it is asked.
    """
    if settings.engine != "vllm":
        return settings
    chats = ChatTokenizer.load(Path(settings.model), settings.plain, settings.template_arguments())
    fitting = (need for need in _needs(chats, requests) if need <= chats.context_length)
    longest = max(fitting, default=ROUNDED_TO)
    rounded = -(-longest // ROUNDED_TO) * ROUNDED_TO
    return replace(settings, max_model_len=min(rounded, chats.context_length))


def _needs(chats: ChatTokenizer, requests: Iterable[Request]) -> Iterator[int]:
    """Tokens of each request, prompt and answer together."""
    remaining = iter(requests)
    while batch := list(islice(remaining, PROMPTS_AT_ONCE)):
        rows = chats.encode([prompt for prompt, _ in batch], thought=True)
        yield from (len(row) + more for row, (_, more) in zip(rows, batch, strict=True))


def announce(settings: EngineSettings, decoding: Sampling, workers: int) -> None:
    """Say on stderr, in one line, what is about to be loaded and how it will write."""
    how = "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature:g}, top-p {decoding.top_p:g}"
    if decoding.repetition_penalty != 1:
        how += f", repetition penalty {decoding.repetition_penalty:g}"
    context = f"context of {settings.max_model_len} tokens, " if settings.max_model_len else ""
    each = f" of {settings.tensor_parallel} GPUs" if settings.tensor_parallel > 1 else ""
    print(
        f"{settings.engine}: {settings.model}, {settings.resolved_dtype()}, {context}{how}, at most "
        f"{decoding.max_new_tokens} new tokens, {workers} worker{'s' * (workers > 1)}{each}",
        file=sys.stderr,
    )
