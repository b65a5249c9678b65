"""The items that are voted on, as the study stage wrote them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from kun_recipes.errors import UserError
from kun_recipes.studies.items import ITEMS, PreferenceItem, QualityItem, read_items

Item = QualityItem | PreferenceItem
MODELS = ("model_a", "model_b")


@dataclass(frozen=True)
class Study:
    """The items of each task that the study has, by their ids, in the order of the file."""

    tasks: Mapping[str, Mapping[str, Item]]

    def fingerprints(self) -> dict[str, str]:
        """Return a hash of each task's items: votes on one study say nothing about another."""
        return {task: fingerprint(items.values()) for task, items in self.tasks.items()}


def read_study(folder: str | Path) -> Study:
    """Read quality.jsonl and preference.jsonl, whichever are there.

    Raises:
        UserError: both files are missing, one is empty, or a line is not an item of its task.
    """
    paths = {task: Path(folder) / f"{task}.jsonl" for task in ITEMS}
    found = {task: path for task, path in paths.items() if path.is_file()}
    if not found:
        raise UserError(
            f"{folder}: contains no study; run the study stage, which writes {' or '.join(map(_name, ITEMS))}"
        )
    tasks = {}
    for task, path in found.items():
        tasks[task] = {item.id: item for item in read_items(path, ITEMS[task])}
        if not tasks[task]:
            raise UserError(f"{path}: no items; run the study stage again, or remove the file")
    return Study(tasks)


def fingerprint(items: Iterable[Item]) -> str:
    """Return a hash of what annotators see of the items, whatever their order.

    The names of the models are no part of it: where the app runs on another machine, only pseudonyms are there.
    """
    shown = sorted(
        orjson.dumps({key: value for key, value in asdict(item).items() if key not in MODELS}) for item in items
    )
    return hashlib.sha256(b"\n".join(shown)).hexdigest()


def _name(task: str) -> str:
    return f"{task}.jsonl"
