"""The rows that the stages removed, by reason: how many, and a few of them to look at."""

from dataclasses import dataclass
from pathlib import Path

from kun_recipes.data import schema
from kun_recipes.data.rows import read_rows
from kun_recipes.reporting.tally import Tally


@dataclass(frozen=True)
class Reason:
    """Why a block removed rows.

    Attributes:
        block: its folder's name without the number.
    """

    block: str
    name: str
    tally: Tally


def removed_by(folder: Path) -> list[Reason]:
    """What a stage removed, blocks in the order of its pipeline."""
    found: dict[tuple[str, str], Tally] = {}
    for block in sorted(path for path in folder.glob("*") if any(path.glob("*.jsonl*"))):
        for row in read_rows(block):
            found.setdefault((block.name, row[schema.REASON]), Tally()).add(row)
    return [Reason(block.split("_", 1)[1], name, tally) for (block, name), tally in found.items()]
