"""Both engines compared with the limit and the naive way, on the same prompts: labelling, judging, polishing.

    python benchmarks/engines.py --model recipes/demo/model.yaml [--rows 64] [--ways vllm transformers generate …]

* vllm, transformers: this project's engines, from chats to texts and log-odds.
* limit: vLLM's own `LLM.generate` on ready token ids, without texts and log-probabilities.
* generate: the transformers engine's batches through `model.generate`; a verdict is one new token.
* generate_batch: the same rows through transformers' continuous batching, `model.generate_batch`. Neither gives each
  row its own seed, or the log-odds of two words.
* naive: one full prompt at a time through transformers' `model.generate`; a verdict is a sampled answer of up to four
  tokens that is parsed. It is timed on an eighth of the rows.

Each way runs in a process of its own, with the same weights, number format and threads, one after the other.
"""

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from transformers import ContinuousBatchingConfig, GenerationConfig

from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Prompt, Sampling
from kun_recipes.models.engines.batching import left_padded, token_batches
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import resolve_model

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
WAYS = ["vllm", "limit", "transformers", "generate", "generate_batch", "naive"]
NEW_TOKENS = {"warm up": 4, "label": 32, "judge": 1, "polish": 64}
VERDICTS = ("好", "差")
PAGE = 256  # tokens of a block of keys and values


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def passages(chats: ChatTokenizer, rows: int) -> list[str]:
    """Paragraphs of the demo's documents, together up to 512 tokens, as the corpus stage cuts them; then its seeds."""
    files = sorted((RECIPES / "demo" / "data" / "corpus").glob("*/*.jsonl"))
    texts = [document.get("content") or document.get("text") for file in files for document in json_lines(file)]
    found: list[str] = []
    for text in filter(None, texts):
        passage = ""
        for line in text.splitlines():
            if len(chats.tokenizer(passage + line)["input_ids"]) > 512:
                found.append(passage)
                passage = ""
            passage += line + "\n"
        found.append(passage)
    found += [seed["output"] for seed in json_lines(RECIPES / "demo" / "data" / "seeds.jsonl")]
    return [passage.strip() for passage in found if len(passage) > 100][:rows]


def tasks(chats: ChatTokenizer, rows: int) -> dict[str, list[Prompt]]:
    """Long in and short out; a shared beginning and one token out; long out."""

    def prompt(name: str, *fields: str):
        return load_prompt(RECIPES / "prompts" / f"{name}.txt", set(fields))

    label, score = prompt("label", "segment"), prompt("score", "instruction")
    polish = prompt("polish", "segment", "instruction")
    texts = passages(chats, rows)
    instructions = [item["text"] for item in json_lines(RECIPES / "demo" / "data" / "judge.jsonl")]
    return {
        "warm up": [[{"role": "user", "content": "你好"}]],  # the first pass pays for memory and kernels
        "label": [label.render(segment=text) for text in texts],
        "judge": [score.render(instruction=instruction) for instruction in instructions[:rows]],
        "polish": [polish.render(segment=text, instruction="请介绍这段文字的主要内容。") for text in texts],
    }


def by_engine(name: str, model: str, dtype: str, prompts: dict[str, list[Prompt]]) -> dict[str, Callable[[], list]]:
    chats = ChatTokenizer.load(Path(model))
    longest = max(len(row) + NEW_TOKENS[task] for task in prompts for row in chats.encode(prompts[task]))
    engine = load_engine(EngineSettings(name, model, dtype, max_model_len=longest + 1))

    def write(task: str) -> list:
        return engine.generate(prompts[task], Sampling(NEW_TOKENS[task]))

    work = {task: partial(write, task) for task in prompts}
    return work | {"judge": lambda: engine.choose(prompts["judge"], VERDICTS)}


def by_limit(model: str, dtype: str, prompts: dict[str, list[Prompt]]) -> dict[str, Callable[[], list]]:
    importlib.import_module("kun_recipes.models.engines.vllm")  # sets the same environment variables
    from vllm import LLM, SamplingParams

    chats = ChatTokenizer.load(Path(model))
    rows = {task: [{"prompt_token_ids": row} for row in chats.encode(prompts[task])] for task in prompts}
    longest = max(len(row["prompt_token_ids"]) + NEW_TOKENS[task] for task in rows for row in rows[task])
    on_cpu = not torch.cuda.is_available()
    llm = LLM(
        model,
        dtype=EngineSettings("vllm", model, dtype).resolved_dtype(),
        max_model_len=longest + 1,
        enforce_eager=on_cpu,
        kv_cache_memory_bytes=2 * 2**30 if on_cpu else None,
        skip_tokenizer_init=True,
    )
    ends = sorted(chats.end_tokens)

    def run(task: str) -> list:
        params = SamplingParams(temperature=0, max_tokens=NEW_TOKENS[task], stop_token_ids=ends, detokenize=False)
        return llm.generate(rows[task], params, use_tqdm=False)

    return {task: partial(run, task) for task in rows}


def by_generate(name: str, model: str, dtype: str, prompts: dict[str, list[Prompt]]) -> dict[str, Callable[[], list]]:
    engine = load_engine(EngineSettings("transformers", model, dtype))
    tokenizer, ends = engine.chats.tokenizer, sorted(engine.chats.end_tokens)

    def by_batches(task: str) -> list:
        rows = engine.chats.encode(prompts[task])
        answers = []
        for numbers in token_batches([len(row) + NEW_TOKENS[task] for row in rows], engine.max_batch_tokens):
            tokens, mask = (torch.tensor(part) for part in left_padded([rows[number] for number in numbers]))
            with torch.inference_mode():
                written = engine.model.generate(
                    tokens.to(engine.model.device),
                    attention_mask=mask.to(engine.model.device),
                    do_sample=False,
                    max_new_tokens=NEW_TOKENS[task],
                    eos_token_id=ends,
                )
            answers += tokenizer.batch_decode(written[:, tokens.shape[1] :], skip_special_tokens=True)
        return answers

    def continuously(task: str) -> list:
        settings = GenerationConfig(
            do_sample=False, max_new_tokens=NEW_TOKENS[task], eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
        )
        rows = engine.chats.encode(prompts[task])
        pages = sum(-(-(len(row) + NEW_TOKENS[task]) // PAGE) for row in rows)  # its default is nearly all memory
        batching = ContinuousBatchingConfig(
            page_size=PAGE, num_blocks=pages, max_batch_tokens=engine.max_batch_tokens, return_logprobs=True
        )
        found = engine.model.generate_batch(rows, settings, batching, progress_bar=False)
        return tokenizer.batch_decode([one.generated_tokens for one in found.values()], skip_special_tokens=True)

    return {task: partial(by_batches if name == "generate" else continuously, task) for task in prompts}


def by_hand(model: str, dtype: str, prompts: dict[str, list[Prompt]]) -> dict[str, Callable[[], list]]:
    """The naive way."""
    engine = load_engine(EngineSettings("transformers", model, dtype))

    def run(task: str, new_tokens: int, sample: bool) -> list[str]:
        answers = []
        for prompt in prompts[task]:
            row = torch.tensor(engine.chats.encode([prompt]), device=engine.model.device)
            with torch.inference_mode():
                written = engine.model.generate(
                    row, attention_mask=torch.ones_like(row), do_sample=sample, max_new_tokens=new_tokens
                )
            answers.append(engine.chats.decode(written[0, row.shape[1] :]))
        return answers

    work = {task: partial(run, task, NEW_TOKENS[task], sample=False) for task in prompts}
    return work | {"judge": partial(run, "judge", 4, sample=True)}


def measure(way: str, model: str, dtype: str, rows: int) -> dict[str, dict[str, float]]:
    """Rows and seconds of each task."""
    prompts = tasks(ChatTokenizer.load(Path(model)), rows)
    if way == "naive":
        prompts = {task: some[: max(1, rows // 8)] for task, some in prompts.items()}
    if way == "limit":
        work = by_limit(model, dtype, prompts)
    elif way in ("generate", "generate_batch"):
        work = by_generate(way, model, dtype, prompts)
    elif way == "naive":
        work = by_hand(model, dtype, prompts)
    else:
        work = by_engine(way, model, dtype, prompts)
    found = {}
    for task, run in work.items():
        start = time.perf_counter()
        answers = run()
        found[task] = {"rows": len(answers), "seconds": time.perf_counter() - start}
    return found


def measure_elsewhere(way: str, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure in a process of its own, so that no other way's threads and memory interfere."""
    command = [sys.executable, __file__, "--model", arguments.model, "--dtype", arguments.dtype]
    command += ["--rows", str(arguments.rows), "--measure", way]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output.splitlines()[-1])


def show(measured: dict[str, dict[str, dict[str, float]]]) -> None:
    """Rows a second, and how many times the naive way's and of the limit's that is."""
    speeds = {
        way: {task: some["rows"] / some["seconds"] for task, some in found.items()} for way, found in measured.items()
    }
    table = Table("task", "way", "rows", "seconds", "rows/s", "x naive", "of the limit")
    for task in ("label", "judge", "polish"):
        for way, found in measured.items():
            others = [speeds.get(other) for other in ("naive", "limit")]
            ratios = [f"{speeds[way][task] / other[task]:.2f}" if other else "" for other in others]
            rows, seconds = found[task]["rows"], found[task]["seconds"]
            table.add_row(task, way, str(rows), f"{seconds:.1f}", f"{speeds[way][task]:.2f}", *ratios)
        table.add_section()
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder, Hub id or model source file of a chat model")
    parser.add_argument("--rows", type=int, default=64, help="number of prompts per task")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.model = resolve_model(arguments.model)
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.model, arguments.dtype, arguments.rows)))
        return
    dtype = EngineSettings("vllm", arguments.model, arguments.dtype).resolved_dtype()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"{Path(arguments.model).name}: {dtype}, {where}; new tokens {NEW_TOKENS}", flush=True)
    show({way: measure_elsewhere(way, arguments) for way in arguments.ways})


if __name__ == "__main__":
    main()
