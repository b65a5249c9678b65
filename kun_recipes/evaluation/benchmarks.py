"""C-Eval and CMMLU: their subjects, groups, files and prompts, as benchmarks.yaml in this folder has them."""

import difflib
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, get_args

from kun_recipes.config.settings import load_typed
from kun_recipes.errors import UserError

LETTERS = ("A", "B", "C", "D")

Spacing = Literal["opencompass", "single"]
"""opencompass: three newlines between shots and five before the question; single: one each, as in GEN and lm-eval."""


@dataclass(frozen=True)
class Subject:
    """A subject: its name in file names, its Chinese name in prompts, and the groups that its score enters."""

    name: str
    title: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """Names of a file's columns other than A to D."""

    question: str
    answer: str
    id: str


@dataclass(frozen=True)
class Benchmark:
    """Fixed properties of a benchmark.

    Attributes:
        title: its name for people.
        version: of the prompt.
        hub: the dataset's id on the Hub.
        split: the one that is scored; shots come from `dev`.
        questions: in it, of all subjects.
        file: path below the folder, with the fields split and subject.
        question: lines of the user's turn, with the fields subject, question and A to D.
        answer: the model's turn, with the field letter.
    """

    title: str
    version: int
    hub: str
    split: str
    questions: int
    columns: Columns
    file: str
    question: tuple[str, ...]
    answer: str
    subjects: tuple[Subject, ...]

    def select(self, names: Sequence[str] | None, groups: Sequence[str] | None) -> list[Subject]:
        """Return the subjects of these names and groups, all where None; in the benchmark's order.

        Raises UserError for a name that the benchmark does not have, with the nearest that it has.
        """
        known = {subject.name for subject in self.subjects}
        for name in names or ():
            if name not in known:
                nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
                raise UserError(f"{name}: not a subject of {self.title}; did you mean {nearest}?")
        return [
            subject
            for subject in self.subjects
            if (names is None or subject.name in names) and (groups is None or set(groups) & set(subject.groups))
        ]


@dataclass(frozen=True)
class Benchmarks:
    """benchmarks.yaml."""

    ceval: Benchmark
    cmmlu: Benchmark


BenchmarkName = Literal["ceval", "cmmlu"]
NAMES: tuple[BenchmarkName, ...] = get_args(BenchmarkName)


@functools.cache
def benchmark(name: str) -> Benchmark:
    """Return the benchmark of one of `NAMES`."""
    return getattr(load_typed(files("kun_recipes.evaluation") / "benchmarks.yaml", Benchmarks), name)


@functools.cache
def all_groups() -> tuple[str, ...]:
    """Return names of the groups of both, each once."""
    found = (group for name in NAMES for subject in benchmark(name).subjects for group in subject.groups)
    return tuple(dict.fromkeys(found))
