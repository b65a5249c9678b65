"""Settings of an engine, which decide whether two blocks of a process share it, and named ways to sample."""

import functools
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from kun_recipes.config.settings import load_typed

PRESETS = "sampling.yaml"
"""File in this folder of the sampling presets with their numbers and sources."""

MAX_BATCH_TOKENS = 8192
"""Tokens of keys and values in a batch of the transformers engine, where nothing else is asked for."""

EngineName = Literal["transformers", "vllm", "openai"]
Dtype = Literal["auto", "float32", "bfloat16"]
PresetName = Literal["greedy", "released"]


@dataclass(frozen=True)
class EndpointSettings:
    """A server that speaks the form of OpenAI's chat completions, and how it is asked.

    Args:
        base_url: address above /chat/completions.
        key_variable: environment variable that holds the key; None: the server asks for none.
        concurrency: requests at a time.
        timeout: of one request, seconds.
        retries: further tries of a request that failed in passing.
        logprobs: whether the log-probabilities of what is written are asked for.
        top_logprobs: likeliest first tokens that are asked for where the model chooses.
        fields: further fields of each request, a JSON object.
        record: folder of the answers, so that no request is repeated; None keeps them in memory only.
    """

    base_url: str
    key_variable: str | None = None
    concurrency: int = 16
    timeout: float = 300.0
    retries: int = 6
    logprobs: bool = True
    top_logprobs: int = 20
    fields: str = "{}"
    record: str | None = None

    def further_fields(self) -> dict[str, Any]:
        return json.loads(self.fields)


@dataclass(frozen=True)
class EngineSettings:
    """Model and options of an engine.

    Args:
        engine: "transformers" runs on a CPU or one GPU; "vllm" is the production engine; "openai" asks a server.
        model: folder of a Hugging Face model with a tokenizer and, unless `plain`, its chat template; openai: name
            of the model at the server.
        dtype: number format of the weights; "auto" is bfloat16 where the processor multiplies it fast, else float32.
        max_batch_tokens: transformers: tokens that the keys and values of one batch may hold, padding included; None
            is 8192. It bounds memory: 8192 are 0.1 GB of keys and values for Qwen2.5-0.5B in bfloat16, 0.5 GB for
            Yi-6B. vllm: tokens that one step of the scheduler may process; None: as many as `LLM` takes on this card.
        max_sequences: vllm: rows that run at a time; None: as many as `LLM` takes on this card.
        max_model_len: vllm: longest prompt and answer that will be asked for, tokens; None: the model's context.
            See `kun_recipes.models.context`.
        speculative_tokens: vllm: tokens of a greedy text that are guessed ahead, from what followed the same n-gram
            before, and checked in one step; 0 switches this off.
        tensor_parallel: vllm: GPUs that hold one copy of the model.
        gpu_memory: vllm: share of each GPU's memory that it may take.
        cache_gb: vllm: GiB of keys and values; None: what `gpu_memory` leaves on a GPU, and 2 on a CPU.
        plain: the turns' texts are asked as they are, one after another, without the chat template: for base models.
        chat_template_kwargs: arguments of the chat template, a JSON object.
        endpoint: openai: the server; None for the other engines.
    """

    engine: EngineName
    model: str
    dtype: Dtype = "auto"
    max_batch_tokens: int | None = None
    max_sequences: int | None = None
    speculative_tokens: int = 0
    max_model_len: int | None = None
    tensor_parallel: int = 1
    gpu_memory: float = 0.9
    cache_gb: float | None = None
    plain: bool = False
    chat_template_kwargs: str = "{}"
    endpoint: EndpointSettings | None = None

    def template_arguments(self) -> dict[str, Any]:
        return json.loads(self.chat_template_kwargs)

    def resolved_dtype(self) -> str:
        """Return the name of the number format, with "auto" replaced by the one that this machine is fast at."""
        if self.dtype != "auto":
            return self.dtype
        from kun_recipes.models.hardware import fast_dtype  # here: it imports torch

        return str(fast_dtype()).removeprefix("torch.")


@dataclass(frozen=True)
class Preset:
    """Sampling values of a preset. `max_new_tokens` None leaves the limit to the stage."""

    temperature: float
    top_p: float
    repetition_penalty: float
    max_new_tokens: int | None


@dataclass(frozen=True)
class _Presets:
    greedy: Preset
    released: Preset


@functools.cache
def preset(name: PresetName) -> Preset:
    return getattr(load_typed(files("kun_recipes.models.engines") / PRESETS, _Presets), name)
