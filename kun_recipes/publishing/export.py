"""Finished pairs in the forms that other trainers read: LLaMA-Factory's and ms-swift's (§6)."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.columns import LICENSE
from kun_recipes.data.folders import WRITTEN, discard
from kun_recipes.data.parquet import read_all
from kun_recipes.errors import UserError

KEPT = (schema.ID, schema.SOURCE, LICENSE)
"""Columns of a row's origin, which trainers pass over and licences ask for."""

LLAMA_FACTORY = "dataset_info.json"
MS_SWIFT = "swift_dataset_info.json"

Row = dict[str, Any]


@dataclass(frozen=True)
class ExportForm:
    """A form of pairs.

    Attributes:
        lay_out: makes the form's columns of an instruction and an output.
        info: entries of such a file in LLaMA-Factory's dataset_info.json, in addition to its name.
    """

    name: str
    lay_out: Callable[[str, str], Row]
    info: Row


EXPORTS = (
    ExportForm(
        "alpaca",
        lambda question, answer: {"instruction": question, "input": "", "output": answer},
        {"columns": {"prompt": "instruction", "query": "input", "response": "output"}},
    ),
    ExportForm(
        "sharegpt",
        lambda question, answer: {
            "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
        },
        {"formatting": "sharegpt", "columns": {"messages": "conversations"}},
    ),
    ExportForm(
        "messages",
        lambda question, answer: {
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        },
        {  # its formatting "openai" would add a system turn, "detailed thinking off"
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        },
    ),
)


def export(source: str, into: str, name: str) -> tuple[Path, int]:
    """Write `<name>_<form>.json` in each form, and the files by which the trainers know them: (folder, rows).

    The folder appears whole or not at all; an earlier export in it is replaced.

    Args:
        source: folder of a run, of its dataset, or of a dataset that was built to be published.
        into: folder to write; not inside one that is published.

    Raises UserError if the dataset is missing, or the folder holds other files.
    """
    dataset = find_dataset(Path(source))
    folder = Path(into)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    files = [f"{name}_{form.name}.json" for form in EXPORTS]
    with ExitStack() as stack:
        opened = [stack.enter_context((partial / file).open("w", encoding="utf-8")) for file in files]
        count = 0
        for row in _rows(dataset):
            origin = {column: row[column] for column in KEPT if row.get(column) is not None}
            for form, file in zip(EXPORTS, opened, strict=True):
                columns = form.lay_out(row[schema.INSTRUCTION], row[schema.OUTPUT]) | origin
                file.write(("[\n" if count == 0 else ",\n") + json.dumps(columns, ensure_ascii=False))
            count += 1
        if not count:
            raise UserError(f"{dataset}: no rows to export")
        for file in opened:
            file.write("\n]\n")
    told = {
        file.removesuffix(".json"): {"file_name": file, **form.info} for file, form in zip(files, EXPORTS, strict=True)
    }
    write_json(partial / LLAMA_FACTORY, told)
    swift = [{"dataset_name": key, "dataset_path": entry["file_name"]} for key, entry in told.items()]
    write_json(partial / MS_SWIFT, swift)
    write_json(partial / WRITTEN, {"rows": count, "files": [*files, LLAMA_FACTORY, MS_SWIFT]})
    discard(folder)
    os.replace(partial, folder)
    return folder, count


def find_dataset(source: Path) -> Path:
    """Return the folder of the pairs: the one given, or the dataset in the folder of a run."""
    for folder in (source, source / "dataset"):
        if any((folder / "data").glob("*.parquet")):
            return folder
    raise UserError(
        f"{source}: no dataset found; set the folder of a finished run, of its dataset, or of a built dataset"
    )


def _rows(dataset: Path) -> Iterator[Row]:
    for split, row in read_all(dataset):
        for column in (schema.INSTRUCTION, schema.OUTPUT):
            if not isinstance(row.get(column), str) or not row[column].strip():
                raise UserError(
                    f"{dataset}: split {split}: a row has no {column}; only pairs can be exported, not candidates"
                )
        yield row
