"""The conversations of a run, made by its first process and read by the others, and after a restart by all.

    <output_dir>/checkpoints/data/training, held_out   Arrow files, and next to them TRL's caches of them
    <output_dir>/checkpoints/data/data.json            the counts, written last: without it the folder is rebuilt

So pairs are read and tokenised once per run, however many processes it has and however often it is interrupted.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from datasets import Dataset

from kun_recipes.data.atomic import write_json
from kun_recipes.data.pairs import Removed
from kun_recipes.training.data import TrainingData, report_removed
from kun_recipes.training.formatting import Conversation
from kun_recipes.training.options import TrainingOptions

COUNTS = "data.json"
PARTS = ("training", "held_out")


def prepared(
    config: TrainingOptions, folder: Path, arguments: Mapping[str, Any], load: Callable[[], TrainingData]
) -> TrainingData:
    """Return the data of a run: the content of `folder`, made by the first process if it is missing.

    Args:
        arguments: of the chat template, which each conversation bears.
        load: reads and checks the data.
    """
    with config.main_process_first(local=False, desc="preparing the data"):  # one folder for all machines
        if (folder / COUNTS).is_file():
            report_removed(_read(folder).removed)
        else:
            _write(load(), folder, arguments)
    return _read(folder)


def as_dataset(conversations: Sequence[Conversation], arguments: Mapping[str, Any]) -> Dataset:
    """Return the conversations as TRL reads them, each with the arguments of the chat template."""
    more = {"chat_template_kwargs": arguments} if arguments else {}
    return Dataset.from_list([{**conversation, **more} for conversation in conversations])


def _write(data: TrainingData, folder: Path, arguments: Mapping[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        if conversations := getattr(data, part):  # without a row datasets could not read it
            as_dataset(conversations, arguments).save_to_disk(folder / part)
    write_json(folder / COUNTS, asdict(replace(data, training=[], held_out=[])))


def _read(folder: Path) -> TrainingData:
    counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    parts = {
        part: Dataset.load_from_disk(folder / part) if (folder / part).is_dir() else Dataset.from_list([])
        for part in PARTS
    }
    return TrainingData(**counts | parts | {"removed": [Removed(**row) for row in counts["removed"]]})
