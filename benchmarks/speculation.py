"""Guessing ahead (`speculative_tokens`) against writing token by token, on the same polish prompts.

    python benchmarks/speculation.py --model recipes/demo/model.yaml [--rows 8] [--tokens 0 4]

vLLM itself is asked, with the arguments that this project's engine makes and with its counts of guesses. Each setting
runs in a process of its own.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

from engines import passages
from rich.console import Console
from rich.table import Table

from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.engines.vllm_arguments import engine_arguments
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import resolve_model

POLISH = Path(__file__).resolve().parent.parent / "recipes" / "prompts" / "polish.txt"
INSTRUCTION = "请介绍这段文字的主要内容。"
NEW_TOKENS = 128


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
    llm.generate([{"prompt_token_ids": prompts[0][:8]}], params, use_tqdm=False)  # pays for memory and kernels
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
    parser.add_argument("--rows", type=int, default=8, help="prompts")
    parser.add_argument("--tokens", type=int, nargs="+", default=[0, 4], help="settings of speculative_tokens")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    model = resolve_model(arguments.model)
    if arguments.measure is not None:
        print(json.dumps(measure(model, arguments.rows, arguments.measure)))
        return
    show({tokens: measure_elsewhere(model, arguments.rows, tokens) for tokens in arguments.tokens})


if __name__ == "__main__":
    main()
