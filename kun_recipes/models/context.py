"""Open an engine for a stage; vLLM gets the context that its prompts need, not the model's longest.

vLLM starts only where its keys and values have room for the longest request that the context allows. A context that is
somewhat longer than the requests costs tables of that length and nothing else. It is therefore planned by upper
bounds, so that no GPU waits until every prompt is tokenised.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nlargest
from pathlib import Path

from kun_recipes.models.engines import EngineSettings, check_installed
from kun_recipes.models.engines.base import Prompt, Sampling
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.lengths import TokenBound
from kun_recipes.models.options import EngineConfig
from kun_recipes.models.resolve import model_identity, resolve_model

Request = tuple[Prompt, int]
"""A prompt, and the tokens that its answer may have."""

ROUNDED_TO = 64
"""Tokens; a few more rows then leave the plan, and what is compiled for it, as they are."""

TOKENS_A_TOKEN = 3
"""Tokens that one written token may become when its text is tokenised again: a stray byte becomes U+FFFD."""

COUNTED = 512
"""Requests that are tokenised, those of highest bound: a few long ones get the context that they need, and no more."""


def open_engine(
    config: EngineConfig,
    requests: Iterable[Request],
    *,
    model: str | None = None,
    plain: bool = False,
    decoding: Sampling | None = None,
    writes: bool = True,
    chooses: bool = False,
    record: Path | None = None,
) -> EngineSettings:
    """Find the model, choose the context that the requests need, and say on stderr what will be loaded.

    The model itself is loaded by the processes that ask it, once each.

    Args:
        config: of the stage.
        requests: all that the model will be asked.
        model: folder of the model, already resolved; None: the config's.
        plain: whether prompts are asked without the chat template.
        decoding: how tokens are picked; None: as the config says.
        writes, chooses: whether the stage has the model write texts, and choose.
        record: folder of the answers of a server.

    Raises:
        UserError: the engine's library is not installed, the model cannot be loaded, or a server does not do what the
            stage asks of it.
    """
    check_installed(config.engine)
    decoding = decoding or config.decoding()
    if config.engine == "openai":
        from kun_recipes.models.endpoint.engine import check_endpoint  # here: no other engine needs its client

        settings = config.settings(config.model)
        assert settings.endpoint is not None  # as of this engine
        announce(settings, decoding, config.where().workers)
        check_endpoint(settings, decoding if writes else None, chooses)
        return replace(settings, endpoint=replace(settings.endpoint, record=str(record) if record else None))
    settings = replace(config.settings(model or resolve_model(config.model, config.model_revision)), plain=plain)
    settings = fit_context(settings, requests)
    announce(settings, decoding, config.where().workers)
    return settings


def fit_context(settings: EngineSettings, requests: Iterable[Request]) -> EngineSettings:
    """Return `settings` with a max_model_len that holds every request which fits the model's context.

    It is the shortest such length of up to `COUNTED` requests; of more, those of highest bound are counted, and the
    bound of the next one holds for the rest. Only vLLM needs to know; a longer request is removed where it is asked.
    """
    if settings.engine != "vllm":
        return settings
    chats = ChatTokenizer.load(Path(settings.model), settings.plain, settings.template_arguments())

    def count(prompts: Sequence[Prompt]) -> list[int]:
        return [len(row) for row in chats.encode(prompts, thought=True)]

    bound = TokenBound(count)
    bounded = ((bound(prompt) + more, place, prompt, more) for place, (prompt, more) in enumerate(requests))
    highest = nlargest(COUNTED + 1, bounded)
    counted, others = highest[:COUNTED], highest[COUNTED:]
    lengths = count([prompt for _, _, prompt, _ in counted])
    needs = [length + more for length, (_, _, _, more) in zip(lengths, counted, strict=True)]
    needs += [min(need, chats.context_length) for need, *_ in others]
    longest = max((need for need in needs if need <= chats.context_length), default=ROUNDED_TO)
    rounded = -(-longest // ROUNDED_TO) * ROUNDED_TO
    return replace(settings, max_model_len=min(rounded, chats.context_length))


def author_of(settings: EngineSettings) -> str:
    """Return what a model is called in the rows: by its weights, or by its name at the server."""
    return settings.model if settings.endpoint else model_identity(settings.model)


def announce(settings: EngineSettings, decoding: Sampling, workers: int) -> None:
    """Print one line on stderr: the model to be loaded, and how it will write."""
    how = "greedy" if decoding.temperature == 0 else f"temperature {decoding.temperature:g}, top-p {decoding.top_p:g}"
    if decoding.repetition_penalty != 1:
        how += f", repetition penalty {decoding.repetition_penalty:g}"
    if endpoint := settings.endpoint:
        what = f"{settings.model} at {endpoint.base_url}, {endpoint.concurrency} requests at a time"
    else:
        what = f"{settings.model}, {settings.resolved_dtype()}"
    context = f"context of {settings.max_model_len} tokens, " if settings.max_model_len else ""
    each = f" of {settings.tensor_parallel} GPUs" if settings.tensor_parallel > 1 else ""
    print(
        f"{settings.engine}: {what}, {context}{how}, at most "
        f"{decoding.max_new_tokens} new tokens, {workers} worker{'s' * (workers > 1)}{each}",
        file=sys.stderr,
    )
