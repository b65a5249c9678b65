"""The demo's questions, the tiny model as an engine, and records to compute by hand."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.evaluation.questions import Source
from kun_recipes.models.engines import EngineSettings

SUBJECTS = {
    "ceval": ["middle_school_physics", "middle_school_geography", "logic"],
    "cmmlu": ["elementary_mathematics", "astronomy", "elementary_commonsense"],
}
HEADS = {"ceval": ["id", "question", *"ABCD", "answer"], "cmmlu": ["", "Question", *"ABCD", "Answer"]}


@pytest.fixture
def sources(repository: Path) -> dict[str, Source]:
    return {name: Source(name, str(repository / "recipes/demo/data" / name), shots=5) for name in SUBJECTS}


@pytest.fixture
def tasks(sources: dict[str, Source]) -> list[tuple[Source, str]]:
    return [(sources[name], subject) for name, subjects in SUBJECTS.items() for subject in subjects]


@pytest.fixture(scope="session")
def plain_engine(tiny_model: Path) -> EngineSettings:
    return EngineSettings("transformers", str(tiny_model), "float32", plain=True, max_batch_tokens=32768)


@pytest.fixture(scope="session")
def chat_engine(tiny_model: Path) -> EngineSettings:
    return EngineSettings("transformers", str(tiny_model), "float32", max_batch_tokens=32768)


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes a subject's file of rows [id, stem, A, B, C, D, answer] into a folder in a benchmark's layout."""

    def write(name: str, split: str, rows: list[list[str]], subject: str = "logic") -> Path:
        file = tmp_path / name / split / (f"{subject}_{split}.csv" if name == "ceval" else f"{subject}.csv")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([HEADS[name], *rows])
        return file

    return write


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    """A record of one question."""

    def make(number: int, subject: str, gold: str, ppl: str, **more: Any) -> dict[str, Any]:
        return {
            "id": f"ceval/val/{subject}/{number}",
            "benchmark": "ceval",
            "subject": subject,
            "groups": ["STEM"],
            "gold": gold,
            "overlaps": False,
            "ppl_prediction": ppl,
            "ppl_shots": 5,
            **more,
        }

    return make
