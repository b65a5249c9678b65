"""An engine fed in the way of the stages, against `LLM.generate`: 4,096 short prompts, a tiny random model.

    python benchmarks/feeding.py [--rows 4096] [--rounds 5]

The model is so small that what is measured is everything but the model: queues, threads, processes, texts.

* LLM.generate: ready token ids in, token ids out, all rows in one call, no log-probabilities and no texts.
* with log-probabilities: the same, and vLLM also computes the log-probability of each new token, as stages need it.
* one call: this project's engine, all rows in one call, from token ids to texts and their log-probabilities.
* calls of 1,024: one after another, and two at a time.

All use the same vLLM engine, in turn; each round has new prompts. A share compares two ways in the same round. The
table shows the median, lowest and highest share over the rounds.
"""

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from training import make_model

from kun_recipes.models.engines import EngineSettings, load_engine, release_engines
from kun_recipes.models.engines.base import Sampling

PARAMETERS = 2e5
CONTEXT = 128
NEW_TOKENS = 32
ENDING = 0.05
"""Share of the tokens that end a row, so that rows end at different times."""

Rows = list[list[int]]


def short_rows(rows: int, seed: int) -> Rows:
    """Rows of 16 to 64 tokens."""
    random = Random(seed)
    return [[random.randrange(256) for _ in range(random.randint(16, 64))] for _ in range(rows)]


def ways(model: str) -> dict[str, Callable[[Rows], list]]:
    """Each way to ask the same vLLM engine."""
    settings = EngineSettings("vllm", model, "float32", max_model_len=CONTEXT, plain=True)
    engine = load_engine(settings)
    vllm = importlib.import_module("vllm")
    vllm.LLMEngine.from_engine_args = lambda *_, **__: engine.engine  # `LLM` gets the engine that is there
    llm = vllm.LLM(model, skip_tokenizer_init=True)
    vocabulary = range(engine.engine.model_config.get_vocab_size())
    ends = Random(0).sample(vocabulary, int(ENDING * len(vocabulary)))
    engine.chats.end_tokens = frozenset(ends)
    asked = {"temperature": 0, "max_tokens": NEW_TOKENS, "stop_token_ids": ends, "detokenize": False}

    def generate(rows: Rows, **more: Any) -> list:
        prompts = [{"prompt_token_ids": row} for row in rows]
        return llm.generate(prompts, vllm.SamplingParams(**asked, **more), use_tqdm=False)

    def one_call(rows: Rows) -> list:
        return engine.write(rows, Sampling(NEW_TOKENS), [None] * len(rows))

    def calls(rows: Rows, at_a_time: int) -> list:
        parts = [rows[first : first + 1024] for first in range(0, len(rows), 1024)]
        with ThreadPoolExecutor(at_a_time) as threads:
            return [answer for answers in threads.map(one_call, parts) for answer in answers]

    return {
        "LLM.generate": generate,
        "with log-probabilities": lambda rows: generate(rows, logprobs=0, flat_logprobs=True),
        "one call": one_call,
        "calls of 1,024, one at a time": lambda rows: calls(rows, 1),
        "calls of 1,024, two at a time": lambda rows: calls(rows, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4096, help="number of prompts per round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_model(PARAMETERS, Path(folder))
        asked = ways(folder)
        for ask in asked.values():
            ask(short_rows(64, seed=-1))  # the first pass pays for memory and kernels
        seconds: dict[str, list[float]] = {way: [] for way in asked}
        for seed in range(arguments.rounds):
            rows = short_rows(arguments.rows, seed)
            for way, ask in asked.items():
                start = time.perf_counter()
                ask(rows)
                seconds[way].append(time.perf_counter() - start)
        release_engines()
    references = list(seconds)[:2]
    table = Table("way", "rows/s", *(f"of {reference}" for reference in references))
    for way, found in seconds.items():
        shares = ([there / here for there, here in zip(seconds[one], found, strict=True)] for one in references)
        told = (f"{median(some):.2f} ({min(some):.2f}–{max(some):.2f})" for some in shares)
        table.add_row(way, f"{arguments.rows / median(found):.0f}", *told)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
