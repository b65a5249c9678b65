"""An engine asked one task after another, in a process of its own: rows, tokens and seconds of each task."""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from gpu_cards import common_beginning
from gpu_processes import Report, in_one_line, peak_memory_gb
from gpu_prompts import LENGTHS, TINY, VERDICTS, Lengths, make_prompts

from kun_recipes.errors import EngineFailed
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Prompt, Sampling
from kun_recipes.models.engines.chats import ChatTokenizer

PROBE = 256
"""Rows asked first, to find out how many fit the time."""
CONTEXT = 2048
"""Longest prompt and answer, tokens."""
SPARE = 0.8
"""Share of its time that a task plans with."""

Ask = Callable[[str, list[Prompt], list[list[int]], int], list[int]]
"""From a task, its prompts, their tokens and the most new tokens to the number of tokens of each answer."""


@dataclass(frozen=True)
class Generation:
    """Task, engine and number of rows of a measurement.

    Args:
        engine: "vllm" or "transformers" for this project's engines, "generate" for vLLM's `LLM.generate` alone.
        model: folder.
        tasks: some of TASKS, in this order.
        rows: prompts of each task, at most.
        fixed: ask exactly so many, whatever the time: another engine was measured on the same.
        until: time at which all tasks should be done, seconds since the epoch.
        tiny: short prompts and answers, for a rehearsal on a CPU.
        options: fields of EngineSettings other than engine, model and max_model_len.
    """

    engine: str
    model: str
    tasks: list[str]
    rows: dict[str, int]
    fixed: bool
    until: float
    tiny: bool
    options: dict[str, Any] = field(default_factory=dict)


def measure_generation(asked: Generation, report: Report) -> None:
    """Report each task as soon as it is measured. One that fails costs only itself, unless the engine died with it."""
    chats = ChatTokenizer.load(Path(asked.model))
    ask = _generate(asked, chats) if asked.engine == "generate" else _engine(asked, chats)
    lengths = TINY if asked.tiny else LENGTHS
    warm_up = make_prompts("label", 8, chats, lengths, seed=0)
    ask("label", warm_up, chats.encode(warm_up), 4)  # pays for memory and kernels
    for number, task in enumerate(asked.tasks):
        seconds = SPARE * (asked.until - time.time()) / (len(asked.tasks) - number)
        try:
            report({"task": task, **_measure_task(task, asked, ask, chats, lengths, seconds)})
        except EngineFailed:
            raise
        except Exception as error:
            report({"task": task, "failed": in_one_line(error)})


def _measure_task(
    task: str, asked: Generation, ask: Ask, chats: ChatTokenizer, lengths: Lengths, seconds: float
) -> dict[str, Any]:
    def measure(rows: int, seed: int) -> dict[str, Any]:
        prompts = make_prompts(task, rows, chats, lengths, seed)
        tokens = chats.encode(prompts)
        begun = time.perf_counter()
        written = ask(task, prompts, tokens, lengths.new_tokens(task))
        return {
            "rows": rows,
            "read": sum(map(len, tokens)),
            "shared": common_beginning(tokens),
            "written": sum(written),
            "seconds": time.perf_counter() - begun,
        }

    rows = asked.rows[task]
    if rows > PROBE and not asked.fixed:
        rows = fitting_rows(rows, measure(PROBE, seed=1)["seconds"], seconds)
    measured = measure(rows, seed=2)
    # vLLM takes its share of the memory, whatever it needs
    return measured | {"peak_memory_gb": peak_memory_gb() if asked.engine == "transformers" else None}


def fitting_rows(most: int, probe_seconds: float, seconds: float) -> int:
    """Return how many rows fit the rest of the seconds at the speed of PROBE rows; at least those, at most `most`."""
    return max(PROBE, min(most, int(PROBE * (seconds - probe_seconds) / probe_seconds)))


def _settings(asked: Generation, chats: ChatTokenizer) -> EngineSettings:
    engine = "transformers" if asked.engine == "transformers" else "vllm"
    return EngineSettings(engine, asked.model, max_model_len=min(CONTEXT, chats.context_length), **asked.options)


def _engine(asked: Generation, chats: ChatTokenizer) -> Ask:
    """This project's engine, from chats to texts and log-odds."""
    engine = load_engine(_settings(asked, chats))

    def ask(task: str, prompts: list[Prompt], tokens: list[list[int]], new_tokens: int) -> list[int]:
        if task == "judge":
            return [1 for _ in engine.choose(prompts, VERDICTS)]
        return [answer.tokens for answer in engine.generate(prompts, Sampling(new_tokens))]

    return ask


def _generate(asked: Generation, chats: ChatTokenizer) -> Ask:
    """Run vLLM's own `LLM.generate` with its defaults on tokens, without texts and log-probabilities."""
    importlib.import_module("kun_recipes.models.engines.vllm")  # sets the same environment variables
    from vllm import LLM, SamplingParams

    same = _settings(asked, chats)
    on_cpu = not torch.cuda.is_available()
    llm = LLM(
        asked.model,
        dtype=same.resolved_dtype(),
        max_model_len=same.max_model_len,
        gpu_memory_utilization=same.gpu_memory,
        enforce_eager=on_cpu,
        kv_cache_memory_bytes=2 * 2**30 if on_cpu else None,
        skip_tokenizer_init=True,
        generation_config="vllm",
    )
    ends = sorted(chats.end_tokens)

    def ask(task: str, prompts: list[Prompt], tokens: list[list[int]], new_tokens: int) -> list[int]:
        params = SamplingParams(temperature=0, max_tokens=new_tokens, stop_token_ids=ends, detokenize=False)
        rows = [{"prompt_token_ids": row} for row in tokens]
        return [len(output.outputs[0].token_ids) for output in llm.generate(rows, params, use_tqdm=False)]

    return ask
