"""Questions per second: ours against lm-eval and against four whole prompts per question, on the same questions.

    python benchmarks/evaluation.py --model recipes/demo/model.yaml [--limit 11] [--ways ours lm-eval four]

* ours: one pass per question, a subject's shots encoded once, from files to probabilities.
* lm-eval: lm-evaluation-harness' own transformers model, one pass per question; only tokenizing and asking are timed.
* four: four whole prompts per question, as OpenCompass' PPL does, by this project's engine; timed on fewer questions.

Each way runs in its own process, with the same weights, number format, threads and tokens per batch, one after the
other. The predictions of the first two are compared question by question.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from kun_recipes.evaluation.asking import AskQuestions, ReadQuestions, Task
from kun_recipes.evaluation.modes import ChooseAnswer, CompareLosses
from kun_recipes.evaluation.pipelines import CHOICE_TOKENS
from kun_recipes.evaluation.prompts import PromptBuilder
from kun_recipes.evaluation.questions import Source, load_subject
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.resolve import resolve_model

DATA = Path(__file__).resolve().parent.parent / "recipes" / "demo" / "data"
SUBJECTS = {
    "ceval": ["middle_school_physics", "middle_school_geography", "logic"],
    "cmmlu": ["elementary_mathematics", "astronomy", "elementary_commonsense"],
}
WAYS = ["ours", "lm-eval", "four"]
FEWER = 6
"""`four` is timed on this part of the questions: it reads some forty times as many tokens as ours."""

Found = dict[str, object]


def tasks(limit: int) -> list[Task]:
    sources = {name: Source(name, str(DATA / name), shots=5, limit=limit, spacing="single") for name in SUBJECTS}
    return [(sources[name], subject) for name, subjects in SUBJECTS.items() for subject in subjects]


def by_block(kind: type[AskQuestions], column: str, engine: EngineSettings, asked: list[Task]) -> Found:
    """By this project's blocks, a call a subject."""
    load_engine(engine)
    reader, block = ReadQuestions(asked), kind(engine, CHOICE_TOKENS, {one.name: one for one, _ in asked}, "plain")
    begun, letters = time.perf_counter(), {}
    for rank in range(len(asked)):
        rows = list(reader.run(rank=rank))
        block.filter_batch(rows)
        letters |= {row.id: row.metadata[column] for row in rows}
    return {"letters": letters, "seconds": time.perf_counter() - begun}


def by_lm_eval(engine: EngineSettings, asked: list[Task]) -> Found:
    """Ask by lm-eval, with as many rows per batch as fit the same number of tokens."""
    import lm_eval_tasks

    chats = load_engine(engine).chats
    prompts = [
        PromptBuilder(source.benchmark, "plain", source.spacing).choice_prompt(question, loaded.shots)
        for source, subject in asked
        for loaded in [load_subject(source, subject)]
        for question in loaded.questions
    ]
    rows = engine.max_batch_tokens // max(map(len, chats.encode(prompts)))
    letters, seconds = lm_eval_tasks.predictions(
        lm_eval_tasks.load(engine.model, engine.resolved_dtype(), rows), asked
    )
    return {"letters": letters, "seconds": seconds}


def measure(way: str, model: str, dtype: str, limit: int) -> Found:
    engine = EngineSettings("transformers", model, dtype, plain=True)
    if way == "lm-eval":
        return by_lm_eval(engine, tasks(limit))
    if way == "four":
        return by_block(CompareLosses, "ppl-full_prediction", engine, tasks(max(1, limit // FEWER)))
    return by_block(ChooseAnswer, "ppl_prediction", engine, tasks(limit))


def measure_elsewhere(way: str, arguments: argparse.Namespace) -> Found:
    command = [sys.executable, __file__, "--model", arguments.model, "--dtype", arguments.dtype]
    command += ["--limit", str(arguments.limit), "--measure", way]
    quiet = {"TQDM_DISABLE": "1", "LOGLEVEL": "ERROR"}  # of lm-eval
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **quiet}).stdout
    return json.loads(output.splitlines()[-1])


def show(found: dict[str, Found], console: Console) -> None:
    """Questions a second, how many times the other ways' that is, and how many predictions agree with ours."""
    speeds = {way: len(one["letters"]) / one["seconds"] for way, one in found.items()}
    table = Table(
        "way", "questions", "seconds", "questions/s", *(f"x {way}" for way in found if way != "ours"), "as ours"
    )
    for way, one in found.items():
        ratios = [f"{speeds[way] / speeds[other]:.2f}" for other in found if other != "ours"]
        ours = found.get("ours", {"letters": {}})["letters"]
        same = [ours[name] == letter for name, letter in one["letters"].items() if name in ours]
        agree = f"{sum(same)} of {len(same)}"
        table.add_row(way, str(len(one["letters"])), f"{one['seconds']:.1f}", f"{speeds[way]:.2f}", *ratios, agree)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder, Hub id or source file of a model")
    parser.add_argument(
        "--limit", type=int, default=11, help="number of questions of each of the six subjects, at most 11"
    )
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.model = resolve_model(arguments.model)
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.model, arguments.dtype, arguments.limit)))
        return
    console = Console(width=100)
    dtype = EngineSettings("transformers", arguments.model, arguments.dtype).resolved_dtype()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    console.print(f"{Path(arguments.model).name}: {dtype}, {where}", highlight=False)
    found = {}
    for way in arguments.ways:
        found[way] = measure_elsewhere(way, arguments)
        console.print(f"{way}: {found[way]['seconds']:.1f} s", highlight=False)
    show(found, console)


if __name__ == "__main__":
    main()
