"""Items of a study: one JSON line per item, in quality.jsonl or preference.jsonl of the study's folder."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import orjson

from kun_recipes.data.atomic import whole_or_not_at_all
from kun_recipes.errors import UserError


@dataclass(frozen=True)
class QualityItem:
    """A refined pair, to be judged by the rubric (Kun §4.2.2).

    Attributes:
        id: of the row.
        source: its corpus; table 1 has a line each.
    """

    id: str
    source: str
    instruction: str
    output: str


@dataclass(frozen=True)
class PreferenceItem:
    """One prompt and the answers of two models (Kun §4.2.3); which of them stands left is the asker's choice."""

    id: str
    prompt: str
    model_a: str
    model_b: str
    answer_a: str
    answer_b: str


QUALITY, PREFERENCE = "quality", "preference"
ITEMS = {QUALITY: QualityItem, PREFERENCE: PreferenceItem}
"""The two tasks, and what each asks about."""

Item = TypeVar("Item", QualityItem, PreferenceItem)


def write_items(items: Iterable[QualityItem | PreferenceItem], path: Path) -> int:
    """Write items, one per line; returns how many."""
    lines = [orjson.dumps(asdict(item)) + b"\n" for item in items]
    with whole_or_not_at_all(path) as partial:
        partial.write_bytes(b"".join(lines))
    return len(lines)


def read_items(path: Path, kind: type[Item]) -> list[Item]:
    """Return the items of a file. Raises UserError, naming file and line, on an invalid line or a duplicate id.

    Not by `data.json_lines`: the annotators' Space has this module, and nothing that reads corpora.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such items file")
    items: dict[str, Item] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UserError(f"{path}:{number}: {error}") from error
        problem = _problem(value, kind)
        if not problem and value["id"] in items:
            problem = f"duplicate id {value['id']}"
        if problem:
            raise UserError(f"{path}:{number}: {problem}")
        items[value["id"]] = kind(**value)
    return list(items.values())


def _problem(value: object, kind: type) -> str | None:
    names = [field.name for field in fields(kind)]
    if (
        not isinstance(value, dict)
        or set(value) != set(names)
        or not all(isinstance(one, str) for one in value.values())
    ):
        return f"not an item: it must have exactly {', '.join(names)}, all text"
    return None
