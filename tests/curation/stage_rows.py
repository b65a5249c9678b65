"""What goes into a stage's test, and what came out of it."""

import json
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from kun_recipes.data.rows import read_shard, row_writer

Row = dict[str, Any]


def write_rows(folder: Path, rows: list[Row]) -> str:
    """Write rows as a finished stage does, numbered by their ids; return the folder."""
    with row_writer(folder) as writer:
        for number, row in enumerate(rows):
            metadata = {key: value for key, value in row.items() if key != "text"}
            writer.write(Document(text=row["text"], id=str(number), metadata=metadata), 0)
    return str(folder)


def measured(block: PipelineStep, rows: list[Document]) -> list[Document]:
    """Pass rows through a block that keeps them all."""
    passed = list(block.run(iter(rows)))
    assert passed == rows
    return passed


def rows_of(folder: Path) -> list[Row]:
    return [row for shard in sorted(folder.glob("*.jsonl*")) for row in read_shard(folder, shard.name)]


def removed_rows(stage: Path) -> dict[str, list[Row]]:
    """The removed rows by reason, which must be those that the stage counted."""
    found: dict[str, list[Row]] = {}
    for folder in sorted((stage / "removed").glob("*")):
        for row in rows_of(folder):
            found.setdefault(row["reason"], []).append(row)
    summary = json.loads((stage / "stage.json").read_text(encoding="utf-8"))
    assert {reason: len(rows) for reason, rows in found.items()} == summary["removed"]
    return found


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]
