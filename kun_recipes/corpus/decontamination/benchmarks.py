"""Evaluation questions out of C-Eval, CMMLU and lists of prompts, from local files or from the Hub."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from kun_recipes.data.json_lines import Malformed, read_lines
from kun_recipes.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

OPTIONS = ("A", "B", "C", "D")
STEM_COLUMNS = {"ceval": "question", "cmmlu": "Question"}
ID_COLUMNS = ("id", "")  # C-Eval's, and CMMLU's without a name
PROMPT_FIELDS = ("prompt", "instruction", "question", "text")
BenchmarkFormat = Literal["ceval", "cmmlu", "prompts"]
BENCHMARK_FORMATS: tuple[BenchmarkFormat, ...] = get_args(BenchmarkFormat)
HUB_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True)
class Question:
    """A question that no segment may quote.

    Attributes:
        name: "<benchmark>/<id>", for the row that is removed.
        stem: the question, or the prompt.
        options: the answers to choose from, if any.
    """

    name: str
    stem: str
    options: tuple[str, ...] = ()


def load_benchmark(path: str, format: str) -> list[Question]:
    """Return the questions of a benchmark.

    Args:
        path: for "ceval" and "cmmlu" the folder of the CSV files as they are published (val/law_val.csv, test/law.csv)
            or a dataset of the Hub as `owner/name` or `owner/name@revision`; for "prompts" a file, one per line
            (.txt) or a JSON object a line (.jsonl) with `prompt`, `instruction`, `question` or `text`, and maybe `id`.
        format: one of `BENCHMARK_FORMATS`.

    Raises UserError when there is no question to be had.
    """
    if format not in BENCHMARK_FORMATS:
        raise UserError(f"{format}: unknown benchmark format; choose one of {', '.join(BENCHMARK_FORMATS)}")
    is_there, hub_id = Path(path).exists(), HUB_ID.fullmatch(path)
    if format == "prompts":
        questions = list(_read_prompts(Path(path)))
    elif is_there:
        questions = list(_read_folder(Path(path), format))
    elif hub_id:
        questions = list(_read_hub(hub_id["repository"], hub_id["revision"], format))
    else:
        raise UserError(f"{path}: neither a folder nor a Hub id; give the folder of the {format} files or owner/name")
    if not questions:
        raise UserError(f"{path}: contains no questions; remove it from benchmarks or give another path")
    return questions


def _read_folder(root: Path, format: str) -> Iterator[Question]:
    files = sorted(root.rglob("*.csv")) if root.is_dir() else [root]
    if not files:
        raise UserError(f"{root}: no .csv file; give the folder that contains {format}'s dev, val and test folders")
    for file in files:
        split = file.parent.name
        questions = list(_read_csv(file, f"{format}/{split}/{file.stem.removesuffix(f'_{split}')}", format))
        if not questions:
            raise UserError(f"{file}: has no row below its header; download it again or remove it")
        yield from questions


def _read_csv(file: Path, name: str, format: str) -> Iterator[Question]:
    for number, (_, row) in enumerate(read_csv(file, (STEM_COLUMNS[format], *OPTIONS), format)):
        yield _question(row, name, number, format)


def read_csv(file: Path, columns: Sequence[str], format: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row of a CSV file with the line on which it ends.

    The file is UTF-8, with or without a byte order mark.

    Raises UserError, with file and line, where a column is missing, a row is not whole, or the text is not UTF-8.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, strict=True)
            _check_columns(rows.fieldnames or (), str(file), columns, format)
            for row in rows:
                if None in row or None in row.values():
                    raise UserError(f"{file}:{rows.line_num}: field count differs from the header; correct the line")
                yield rows.line_num, row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: is not UTF-8 text ({error.reason} at byte {error.start}); convert it: iconv -f GBK -t UTF-8"
        ) from error
    except csv.Error as error:
        raise UserError(f"{file}: not valid CSV after line {rows.line_num} ({error}); download it again") from error


def _read_hub(repository: str, revision: str | None, format: str) -> Iterator[Question]:
    for subject, split, table in read_hub(repository, revision):
        _check_columns(table.column_names, f"{repository}, {subject}", (STEM_COLUMNS[format], *OPTIONS), format)
        for number, row in enumerate(table):
            yield _question(row, f"{format}/{split}/{subject}", number, format)


def _read_prompts(file: Path) -> Iterator[Question]:
    if not file.is_file():
        raise UserError(f"{file}: no such file; prompts are read from a .txt or .jsonl file")
    if file.suffix not in (".txt", ".jsonl"):
        raise UserError(f"{file}: prompts are read from a .txt file, one per line, or a .jsonl file")
    yield from _read_text_lines(file) if file.suffix == ".txt" else _read_json_lines(file)


def _read_text_lines(file: Path) -> Iterator[Question]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: is not UTF-8 text ({error.reason} at byte {error.start}); convert it: iconv -f GBK -t UTF-8"
        ) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield Question(f"{file.stem}/{number}", line.strip())


def _read_json_lines(file: Path) -> Iterator[Question]:
    for record in read_lines(str(file)):
        if isinstance(record, Malformed):
            raise UserError(f"{file}:{record.number}: {record.message}; correct the line")
        fields = record.value if isinstance(record.value, dict) else {}
        prompt = next((fields[name] for name in PROMPT_FIELDS if isinstance(fields.get(name), str)), "")
        if not prompt.strip():
            raise UserError(f"{file}:{record.number}: no prompt; give it as text in {', '.join(PROMPT_FIELDS)}")
        yield Question(f"{file.stem}/{fields.get('id', record.number)}", prompt)


def _check_columns(columns: Iterable[str], where: str, expected: Sequence[str], format: str) -> None:
    if missing := [name for name in expected if name not in columns]:
        raise UserError(f"{where}: no column {', '.join(missing)}; {format} has the columns {', '.join(expected)}")


def _question(row: Mapping[str, object], name: str, number: int, format: str) -> Question:
    row_id = next((row[column] for column in ID_COLUMNS if row.get(column) not in (None, "")), number)
    return Question(f"{name}/{row_id}", str(row[STEM_COLUMNS[format]]), tuple(str(row[option]) for option in OPTIONS))


def read_hub(repository: str, revision: str | None) -> Iterator[tuple[str, str, "Dataset"]]:
    """Yield subject, split and table of each file of a Hub dataset. Raises UserError if it cannot be fetched."""
    import datasets  # takes seconds, and local files do without

    try:
        for subject in datasets.get_dataset_config_names(repository, revision=revision):
            for split, table in datasets.load_dataset(repository, subject, revision=revision).items():
                yield subject, split, table
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{repository}: not a local folder, and the Hub cannot be read ({reason}); download it and give its folder"
        ) from error
