"""Questions with their answers, from a folder in the benchmark's own CSV layout or from the Hub."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.corpus.decontamination import HUB_ID, read_csv
from kun_recipes.errors import UserError
from kun_recipes.evaluation.benchmarks import LETTERS, Benchmark, Spacing, benchmark

SHOTS_SPLIT = "dev"


@dataclass(frozen=True)
class Question:
    """A question to choose the answer of.

    Attributes:
        id: "<benchmark>/<split>/<subject>/<id of its row>".
        subject: its name in file names.
        options: of A to D.
        gold: the right letter.
    """

    id: str
    subject: str
    stem: str
    options: tuple[str, ...]
    gold: str


@dataclass(frozen=True)
class Source:
    """Location of the questions of a benchmark.

    Attributes:
        name: of the benchmark.
        path: the folder, or `owner/name@revision` on the Hub.
        shots: questions of the split `dev` that are shown with their answers.
        limit: questions per subject, the first; None: all.
        spacing: newlines between the shots of a plain PPL prompt.
    """

    name: str
    path: str
    shots: int
    limit: int | None = None
    spacing: Spacing = "opencompass"

    @property
    def benchmark(self) -> Benchmark:
        return benchmark(self.name)


@dataclass(frozen=True)
class SubjectQuestions:
    """A subject's shots and questions."""

    shots: tuple[Question, ...]
    questions: tuple[Question, ...]


@functools.lru_cache(maxsize=256)  # each of three pipelines reads them
def load_subject(source: Source, subject: str) -> SubjectQuestions:
    """Read and check the questions of a subject.

    Raises UserError, with file and line, for a missing file, a row without an answer or with one that is no letter of
    A to D, a duplicate id, an empty option, and fewer rows in `dev` than shots.
    """
    shots = _load(source, subject, SHOTS_SPLIT)[: source.shots] if source.shots else []
    if len(shots) < source.shots:
        raise UserError(
            f"{source.path}: {subject} has {len(shots)} rows in {SHOTS_SPLIT}, but {source.shots} shots were "
            "requested; lower shots"
        )
    return SubjectQuestions(tuple(shots), tuple(_load(source, subject, source.benchmark.split)[: source.limit]))


def check_source(path: str) -> None:
    """Raise UserError unless it is a folder or a pinned dataset of the Hub."""
    hub_id = HUB_ID.fullmatch(path)
    if Path(path).is_dir() or (hub_id and hub_id["revision"]):
        return
    if hub_id and not Path(path).exists():
        raise UserError(f"{path}: no such folder; give a Hub dataset with its commit, as owner/name@commit")
    raise UserError(f"{path}: no such folder; give the folder with the benchmark's CSV files")


def _load(source: Source, subject: str, split: str) -> list[Question]:
    rows = _folder_rows(source, subject, split) if Path(source.path).is_dir() else _hub_rows(source, subject, split)
    questions = list(_questions(rows, source, subject, split))
    if not questions:
        raise UserError(f"{source.path}: {subject} has no questions in {split}; download it again")
    return questions


def _folder_rows(source: Source, subject: str, split: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    file = Path(source.path, source.benchmark.file.format(split=split, subject=subject))
    if not file.is_file():
        raise UserError(f"{file}: no such file; download the benchmark again, or choose other subjects")
    columns = source.benchmark.columns
    for line, row in read_csv(file, (columns.question, *LETTERS, columns.answer), source.name):
        yield f"{file}:{line}", row


def _hub_rows(source: Source, subject: str, split: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import datasets  # takes seconds, and local files do without

    repository, _, revision = source.path.partition("@")
    try:
        table = datasets.load_dataset(repository, subject, split=split, revision=revision)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{source.path}: {subject} cannot be loaded ({reason}); download it and give its folder"
        ) from error
    for number, row in enumerate(table):
        yield f"{source.path}: {subject}/{split}, row {number}", row


def _questions(
    rows: Iterable[tuple[str, Mapping[str, Any]]], source: Source, subject: str, split: str
) -> Iterator[Question]:
    columns = source.benchmark.columns
    places: dict[str, str] = {}
    for number, (where, row) in enumerate(rows):
        row_id = str(row.get(columns.id) if row.get(columns.id) not in (None, "") else number)
        if row_id in places:
            raise UserError(f"{where}: duplicate id {row_id}, first at {places[row_id]}; correct the file")
        places[row_id] = where
        yield Question(
            f"{source.name}/{split}/{subject}/{row_id}",
            subject,
            _text(row, columns.question, where),
            tuple(_text(row, letter, where) for letter in LETTERS),
            _gold(row, columns.answer, where),
        )


def _text(row: Mapping[str, Any], column: str, where: str) -> str:
    text = str(row[column])  # as it stands: a blank at its end stands in the prompt
    if not text.strip():
        raise UserError(f"{where}: {column} is empty; correct the row")
    return text


def _gold(row: Mapping[str, Any], column: str, where: str) -> str:
    answer = str(row[column] or "").strip()
    if not answer:
        raise UserError(f"{where}: has no answer; use the split with public answers, or correct the row")
    if answer not in LETTERS:
        raise UserError(f"{where}: the answer is {answer!r}, not one of {', '.join(LETTERS)}; correct the row")
    return answer
