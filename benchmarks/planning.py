"""Time until vLLM can start: planning the context for the candidates of refine, and for the segments of label.

    python benchmarks/planning.py --model recipes/demo/model.yaml [--rows 100000]

The rows are pairs of `quality/` with characters exchanged at random, so that no tokenizer's cache knows
them. *read* is a pass over the rows alone, the limit; refine verifies, and plans five prompts for each row. Seconds
are CPU seconds of the process; planning waits for nothing, and other jobs do not count.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from rich.console import Console
from rich.table import Table

from kun_recipes.curation import label, refine
from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.curation.verification import Verification
from kun_recipes.data import schema
from kun_recipes.data.rows import read_rows, row_writer
from kun_recipes.models.context import fit_context
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import resolve_model

QUALITY = Path(__file__).resolve().parent / "quality"
PAIRS = "qwen2.5-coder-0.5b-64-seeds/rows.jsonl"
DATA = Path("recipes/demo/data")
EXCHANGED, OF_COMMON = 12, 60  # characters exchanged in a row, of the commonest ones
ROWS_PER_SHARD = 1024


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def made_rows(count: int) -> Iterator[Document]:
    segments = {row["id"]: row["text"] for row in json_lines(QUALITY / "segments.jsonl")}
    pairs = json_lines(QUALITY / PAIRS)
    common = [character for character, _ in Counter("".join(segments.values())).most_common(OF_COMMON)]
    han = [character for character in common if "一" <= character <= "龥"]
    drawn = random.Random(0)
    for number in range(count):
        pair = drawn.choice(pairs)
        replaced = drawn.sample(han, EXCHANGED)
        exchanged = {ord(character): chr(drawn.randrange(0x4E00, 0x9FA6)) for character in replaced}
        columns = {
            schema.TOKENS: pair["measured"]["tokens"],
            schema.INSTRUCTION: pair["instruction"].translate(exchanged),
        }
        yield Document(segments[pair["segment_id"]].translate(exchanged), str(number), metadata=columns)


def write_rows(count: int, folder: Path) -> None:
    with row_writer(folder) as writer:
        for number, row in enumerate(made_rows(count)):
            writer.write(row, number // ROWS_PER_SHARD)


def plan_refine(settings: EngineSettings, rows: Path) -> EngineSettings:
    config = RefineConfig(
        candidates=str(rows),
        output_dir="",
        dataset_dir="",
        model="",
        verify=True,
        judge_data=[str(DATA / "judge.jsonl"), str(DATA / "answers.jsonl")],
    )
    calibrations = Calibrations(rows / "judges.json", refine.load_items(config), config.thresholds())
    polish = load_prompt(config.polish_prompt, refine.ASKED["polished"])
    return fit_context(settings, refine.requests(config, calibrations, polish, Verification(config)))


def plan_label(settings: EngineSettings, rows: Path) -> EngineSettings:
    config = LabelConfig(segments=str(rows), output_dir="", model="")
    return fit_context(settings, label.requests(config, load_prompt(config.prompt, {"segment"}), config.decoding()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    settings = EngineSettings("vllm", resolve_model(arguments.model, None), "float32")
    table = Table("planning", "context", "CPU seconds", "ms per 1,000 rows")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder)
        write_rows(arguments.rows, rows)
        steps = {
            "read": lambda: sum(1 for _ in read_rows(rows)),
            "label": lambda: plan_label(settings, rows).max_model_len,
            "refine": lambda: plan_refine(settings, rows).max_model_len,
        }
        for name, step in steps.items():
            begun = time.process_time()
            planned = step()
            seconds = time.process_time() - begun
            context = "" if name == "read" else f"{planned:,}"
            table.add_row(name, context, f"{seconds:.1f}", f"{seconds / arguments.rows * 1e6:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
