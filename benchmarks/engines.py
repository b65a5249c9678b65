"""The transformers engine against the naive way, on the same prompts: labelling, and judging by two verdicts.

    python benchmarks/engines.py --model recipes/demo/model.yaml [--rows 16]

The naive way runs one full prompt at a time through transformers' `model.generate`, and a verdict is a sampled answer
of up to four tokens that is parsed. Both use the same weights, number format and threads.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch

from kun_recipes.engines import EngineSettings, load_engine
from kun_recipes.engines.base import Prompt, Sampling
from kun_recipes.engines.transformers import TransformersEngine
from kun_recipes.models import resolve_model
from kun_recipes.prompts import load_prompt

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
NEW_TOKENS = 32  # of a label; most instructions are shorter
JUDGES = {"filter": ("是", "否"), "score": ("好", "差")}


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def label_prompts(engine: TransformersEngine, rows: int) -> list[Prompt]:
    """Real passages behind the label prompt; each of at most 512 tokens, as the corpus stage cuts them."""
    template = load_prompt(RECIPES / "prompts" / "label.txt", {"output"})
    files = sorted((RECIPES / "demo" / "data" / "corpus").glob("*/*.jsonl"))
    documents = [document for file in files for document in json_lines(file)]
    texts = [document.get("content") or document.get("text") for document in documents]
    prompts = [template.render(output=text) for text in texts if text]
    lengths = engine.count_tokens(prompts)
    return [prompt for prompt, length in zip(prompts, lengths, strict=True) if length <= 512][:rows]


def judge_prompts(judge: str, rows: int) -> list[Prompt]:
    template = load_prompt(RECIPES / "prompts" / f"{judge}.txt", {"instruction"})
    items = json_lines(RECIPES / "demo" / "data" / "judge.jsonl")
    return [template.render(instruction=item["text"]) for item in items if item["judge"] == judge][:rows]


def naive(engine: TransformersEngine, prompts: list[Prompt], max_new_tokens: int, sample: bool) -> list[str]:
    """One prompt at a time, as the code of a first attempt does it."""
    tokenizer = engine.chats.tokenizer
    answers = []
    for prompt in prompts:
        chat = tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        ).to(engine.model.device)
        with torch.inference_mode():
            written = engine.model.generate(**chat, do_sample=sample, max_new_tokens=max_new_tokens)
        answers.append(tokenizer.decode(written[0, chat["input_ids"].shape[1] :], skip_special_tokens=True))
    return answers


def timed(work: Callable[[], list]) -> tuple[list, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def line(name: str, rows: int, tokens: int, seconds: float) -> str:
    return f"{name:22} {rows:4} rows  {seconds:7.1f} s  {rows / seconds:6.2f} rows/s  {tokens / seconds:7.0f} tokens/s"


def compare_labelling(engine: TransformersEngine, rows: int) -> None:
    """Tokens are those read and written."""
    prompts = label_prompts(engine, rows)
    read = sum(engine.count_tokens(prompts))
    ours, our_seconds = timed(lambda: engine.generate(prompts, Sampling(NEW_TOKENS)))
    texts, naive_seconds = timed(lambda: naive(engine, prompts, NEW_TOKENS, sample=False))
    written = sum(completion.tokens for completion in ours)
    same = sum(completion.text == text for completion, text in zip(ours, texts, strict=True))
    print(line("label, naive", len(prompts), read + written, naive_seconds))
    print(line("label, engine", len(prompts), read + written, our_seconds))
    print(
        f"label: {naive_seconds / our_seconds:.1f} times as fast; {same} of {len(prompts)} texts are equal\n",
        flush=True,
    )


def compare_judging(engine: TransformersEngine, judge: str, rows: int) -> None:
    """The naive way judges an eighth of the rows: it is timed by the row."""
    choices = JUDGES[judge]
    prompts = judge_prompts(judge, rows)
    lengths = engine.count_tokens(prompts)
    few = max(1, len(prompts) // 8)
    _, our_seconds = timed(lambda: engine.choose(prompts, choices))
    verdicts, naive_seconds = timed(lambda: naive(engine, prompts[:few], 4, sample=True))
    parsed = sum(verdict.strip("。 \n") in choices for verdict in verdicts)
    print(line(f"{judge}, naive", few, sum(lengths[:few]), naive_seconds))
    print(line(f"{judge}, engine", len(prompts), sum(lengths), our_seconds))
    ratio = (naive_seconds / few) / (our_seconds / len(prompts))
    print(f"{judge}: {ratio:.1f} times as fast; {parsed} of {few} sampled verdicts could be parsed\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder, Hub id or model source file of a chat model")
    parser.add_argument("--rows", type=int, default=16, help="passages to label; four times as many are judged")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    arguments = parser.parse_args()
    engine = load_engine(EngineSettings("transformers", resolve_model(arguments.model), arguments.dtype))
    print(f"{arguments.model}: {engine.model.dtype}, {engine.model.device}, {torch.get_num_threads()} threads\n")
    engine.choose(judge_prompts("filter", 1), JUDGES["filter"])  # the first pass pays for memory and kernels
    compare_labelling(engine, arguments.rows)
    for judge in JUDGES:
        compare_judging(engine, judge, 4 * arguments.rows)


if __name__ == "__main__":
    main()
