"""Guessing ahead (`speculative_tokens`) compared with writing token by token, on the same polish prompts.

    python benchmarks/speculation.py --model recipes/demo/model.yaml [--rows 8] [--tokens 0 4]
    python benchmarks/speculation.py --model outputs/demo/primary_chat_model --replay outputs/demo/refine/measured

The first asks vLLM itself, with the arguments that this project's engine makes; each setting in a process of its own.
The second asks no model: it counts the steps that the greedy texts of a run take, by vLLM's own lookup.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy
from engines import passages
from rich.console import Console
from rich.table import Table

from kun_recipes.data.rows import read_rows
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.batching import common_length
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.engines.vllm_arguments import LONGEST_NGRAM, SHORTEST_NGRAM, engine_arguments
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import resolve_model

PROMPTS = Path(__file__).resolve().parent.parent / "recipes" / "prompts"
POLISH, LABEL = PROMPTS / "polish.txt", PROMPTS / "label.txt"
INSTRUCTION = "请介绍这段文字的主要内容。"
NEW_TOKENS = 64
NO_TOKEN = -1  # stands for the end of a turn


def measure(model: str, rows: int, tokens: int) -> dict:
    """Texts, seconds and counts of guesses of one setting."""
    on_cpu = importlib.import_module("kun_recipes.models.engines.vllm").ON_CPU  # sets vLLM's environment, too
    from vllm import LLM, SamplingParams

    chats = ChatTokenizer.load(Path(model))
    polish = load_prompt(POLISH, {"segment", "instruction"})
    prompts = chats.encode([polish.render(segment=text, instruction=INSTRUCTION) for text in passages(chats, rows)])
    longest = max(map(len, prompts)) + NEW_TOKENS
    arguments = engine_arguments(EngineSettings("vllm", model, speculative_tokens=tokens), longest + 1, on_cpu)
    llm = LLM(**{**arguments, "disable_log_stats": False})
    params = SamplingParams(
        temperature=0, max_tokens=NEW_TOKENS, stop_token_ids=sorted(chats.end_tokens), detokenize=False
    )
    first = SamplingParams(temperature=0, max_tokens=2, detokenize=False)
    llm.generate([{"prompt_token_ids": prompts[0][:8]}], first, use_tqdm=False)  # pays for memory and kernels
    begun = {metric.name: getattr(metric, "value", 0) for metric in llm.get_metrics()}
    start = time.perf_counter()
    outputs = llm.generate([{"prompt_token_ids": row} for row in prompts], params, use_tqdm=False)
    seconds = time.perf_counter() - start
    ended = {metric.name: getattr(metric, "value", 0) for metric in llm.get_metrics()}

    def counted(name: str) -> float:
        return ended.get(f"vllm:{name}", 0) - begun.get(f"vllm:{name}", 0)

    return {
        "texts": [list(output.outputs[0].token_ids) for output in outputs],
        "seconds": seconds,
        "guessed": counted("spec_decode_num_draft_tokens"),
        "accepted": counted("spec_decode_num_accepted_tokens"),
    }


def replay(model: str, rows: Path, settings: list[int]) -> None:
    """Print the steps that the polished answers and the instructions of a run take with each number of guesses."""
    chats = ChatTokenizer.load(Path(model))
    polish, label = load_prompt(POLISH, {"segment", "instruction"}), load_prompt(LABEL, {"segment"})
    answered = [row for row in read_rows(rows) if "output" in row]
    prompts = {
        "polish": [polish.render(segment=row["text"], instruction=row["instruction"]) for row in answered],
        "label": [label.render(segment=row["text"]) for row in answered],
    }
    texts = {
        task: [row[column] for row in answered] for task, column in (("polish", "output"), ("label", "instruction"))
    }
    table = Table("task", "texts", "guessed ahead", "tokens", "steps", "tokens per step", "guesses right")
    for task in prompts:
        pairs = chats.encode_answers(prompts[task], texts[task])
        written = sum(len(answer) + 1 for _, answer in pairs)  # the end of the turn is a token, too
        for tokens in settings:
            steps, guessed, right = map(sum, zip(*(_replayed(*pair, tokens) for pair in pairs), strict=True))
            share = f"{right / guessed:.0%}" if guessed else ""
            table.add_row(
                task, str(len(pairs)), str(tokens), str(written), str(steps), f"{written / steps:.2f}", share
            )
    Console(width=120).print(table)


def _replayed(prompt: list[int], answer: list[int], tokens: int) -> tuple[int, int, int]:
    """Return the steps that an answer takes, the tokens guessed in them, and how many of those were right."""
    from vllm.v1.spec_decode.ngram_proposer import _find_longest_matched_ngram_and_propose_tokens as propose

    text = numpy.array([*prompt, *answer, NO_TOKEN], dtype=numpy.int32)
    place, steps, guessed, right = len(prompt) + 1, 1, 0, 0  # what follows the prompt is not guessed
    while place < len(text):
        guesses = propose(text[:place], SHORTEST_NGRAM, LONGEST_NGRAM, len(text) + tokens, tokens) if tokens else ()
        accepted = common_length(guesses, text[place:])
        place, steps = place + accepted + 1, steps + 1
        guessed, right = guessed + len(guesses), right + accepted
    return steps, guessed, right


def measure_elsewhere(model: str, rows: int, tokens: int) -> dict:
    command = [sys.executable, __file__, "--model", model, "--rows", str(rows), "--measure", str(tokens)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output.splitlines()[-1])


def show(measured: dict[int, dict]) -> None:
    table = Table(
        "guessed ahead", "rows", "written", "of them guessed", "guesses right", "tokens/s", "x none", "same texts"
    )
    plain = measured.get(0)
    for tokens, found in measured.items():
        written = sum(map(len, found["texts"]))
        same = sum(one == other for one, other in zip(found["texts"], plain["texts"], strict=True)) if plain else None
        table.add_row(
            str(tokens),
            str(len(found["texts"])),
            str(written),
            f"{found['accepted'] / written:.0%}",
            f"{found['accepted'] / found['guessed']:.0%}" if found["guessed"] else "",
            f"{written / found['seconds']:.1f}",
            f"{plain['seconds'] / found['seconds']:.2f}" if plain else "",
            "" if same is None else str(same),
        )
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder, Hub id or model source file of a chat model")
    parser.add_argument("--rows", type=int, default=8, help="number of prompts")
    parser.add_argument("--tokens", type=int, nargs="+", default=[0, 4], help="values of speculative_tokens")
    parser.add_argument("--replay", type=Path, help="folder with rows measured by refine")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    model = resolve_model(arguments.model)
    if arguments.measure is not None:
        print(json.dumps(measure(model, arguments.rows, arguments.measure)))
        return
    if arguments.replay:
        replay(model, arguments.replay, arguments.tokens)
        return
    show({tokens: measure_elsewhere(model, arguments.rows, tokens) for tokens in arguments.tokens})


if __name__ == "__main__":
    main()
