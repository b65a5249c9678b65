"""Results as a table, as rows for benchmarks/README.md, and as the file that plans read."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

from gpu_cards import Card, Work, least_seconds
from gpu_models import Shape
from gpu_parts import ENGINE, GENERATE
from gpu_prompts import TASKS

from kun_recipes.reporting.tables import Table

Measured = dict[str, Any]
"""A line that a run reported, with its "way" and, of a training, "parameters" of the model."""

DASH = "–"


def tokens(found: Measured) -> int:
    """Tokens read and written; what all prompts begin with is computed once, and counted once."""
    return found["read"] - (found["rows"] - 1) * found["shared"] + found["written"]


def generation_table(title: str, found: list[Measured], shape: Shape, card: Card | None) -> Table:
    """Rows and tokens per second of each task and way, next to `LLM.generate`, our default, and the card's limit."""
    head = (
        "task",
        "way",
        "rows",
        "seconds",
        "rows/s",
        "tokens/s",
        "written/s",
        "x LLM.generate",
        "x default",
        "of limit",
    )
    rows = []
    for task in TASKS:
        lines = [line for line in found if line["task"] == task]
        for line in lines:
            others = [_speed(lines, GENERATE), _speed(lines, ENGINE)]
            speed = line["rows"] / line["seconds"]
            ratios = [f"{speed / other:.2f}" if other else DASH for other in others]
            cells = (line["rows"], line["seconds"], speed, tokens(line) / line["seconds"])
            written = f"{line['written'] / line['seconds']:.0f}"
            shown = (f"{cells[0]:,}", f"{cells[1]:.1f}", f"{cells[2]:.2f}", f"{cells[3]:,.0f}", written)
            rows.append((task, line["way"], *shown, *ratios, _of_limit(line, shape, card)))
    return Table(title, head, tuple(rows))


def _speed(lines: list[Measured], way: str) -> float | None:
    return next((line["rows"] / line["seconds"] for line in lines if line["way"] == way), None)


def _of_limit(line: Measured, shape: Shape, card: Card | None) -> str:
    if card is None:
        return DASH
    seconds, limit = least_seconds(shape, Work(line["rows"], line["read"], line["shared"], line["written"]), card)
    return f"{seconds / line['seconds']:.0%} of {limit}"


def training_table(title: str, found: list[Measured]) -> Table:
    head = (
        "parameters",
        "way",
        "attention",
        "weights trained",
        "updates",
        "tokens/update",
        "tokens/s",
        "MFU",
        "peak GB",
    )
    rows = []
    for line in found:
        trained = f"LoRA, rank {line['lora_rank']}" if line["lora_rank"] else "all"
        speed = f"{line['tokens'] / line['seconds']:,.0f}"
        share = f"{line['mfu']:.1%}" if line["mfu"] else DASH
        sizes = (str(line["updates"]), f"{line['tokens'] / line['updates']:,.0f}", speed, share)
        rows.append(
            (
                f"{line['parameters']:.3g}",
                line["way"].partition(",")[0],
                line["attention"],
                trained,
                *sizes,
                f"{line['peak_memory_gb']:.1f}",
            )
        )
    return Table(title, head, tuple(rows))


def plan_records(
    found: list[Measured], parameters: int | None, dtype: str | None, devices: int, command: str
) -> list[dict[str, Any]]:
    """Return the records that plans may scale: the engine with its defaults, and trainings of all weights.

    Args:
        parameters, dtype: of the model that was asked; a training says its own.
        devices: one card, or the cores of a rehearsal.
        command: without the parts.
    """
    records = []
    for line in found:
        training = line["task"] == "training"
        if line["way"] not in (("packed", "padding_free") if training else (ENGINE,)) or line.get("lora_rank"):
            continue
        records.append(
            {
                "stage": line["task"],
                "model_parameters": line["parameters"] or parameters,
                "dtype": line.get("dtype", dtype),
                "rows": line["rows"],
                "tokens": line["tokens"] if training else tokens(line),
                "seconds": round(line["seconds"], 2),
                "devices": devices,
                "peak_memory_gb": line["peak_memory_gb"],
                "date": date.today().isoformat(),
                "command": f"{command} --only {line['task']}",
            }
        )
    return records


def write_measured(folder: Path, device: str, on_gpu: bool, records: list[dict[str, Any]]) -> Path:
    """Write the device's file; records of the same stage, model and number format are replaced, others stay."""
    file = folder / f"{re.sub('[^a-z0-9]+', '-', device.lower()).strip('-')}.json"

    def key(record: dict[str, Any]) -> tuple:
        return record["stage"], record["model_parameters"], record["dtype"]

    new = {key(record) for record in records}
    before = json.loads(file.read_text(encoding="utf-8"))["records"] if file.is_file() else []
    kept = [record for record in before if key(record) not in new]
    content = {"device": device, "kind": "gpu" if on_gpu else "core", "records": [*kept, *records]}
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file
