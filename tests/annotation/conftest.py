"""A small study of both tasks, and what votes on it."""

from pathlib import Path

import pytest

from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.storage import Database
from kun_recipes.annotation.study import Study, read_study
from kun_recipes.studies.items import PreferenceItem, QualityItem, write_items

HOSTILE = (
    "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">\n${1+1} {{value}} **bold**"
)
NAMES = ["anna", "bo", "chen"]
ANSWER = {"clarity": True, "feasibility": True, "practicality": False, "output": "pass"}


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def write_study(folder: Path, items: int = 4) -> Path:
    """Items whose answers hold script, and whose ids and models name models."""
    write_items(
        [QualityItem(f"q{n}", "wudao", f"指令 {n}", f"第一行 {n}\n{HOSTILE}") for n in range(items)],
        folder / "quality.jsonl",
    )
    write_items(
        [
            PreferenceItem(f"p{n}/kun/belle", f"提示 {n}", "kun", "belle", f"甲 {n}", f"乙 {n} {HOSTILE}")
            for n in range(items)
        ],
        folder / "preference.jsonl",
    )
    return folder


@pytest.fixture
def study_dir(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study")


@pytest.fixture
def study(study_dir: Path) -> Study:
    return read_study(study_dir)


@pytest.fixture
def config(study_dir: Path, tmp_path: Path) -> AnnotateConfig:
    return AnnotateConfig(study_dir=str(study_dir), output_dir=str(tmp_path / "out"), annotators=NAMES)


@pytest.fixture
def database(config: AnnotateConfig, study: Study) -> Database:
    database = Database(config.database)
    database.add_study(study, seed=0)
    return database


@pytest.fixture
def assigner(database: Database, clock: Clock) -> Assigner:
    """Two votes per item, three annotators, a timeout of a minute."""
    return Assigner(database, 2, 3, 60, seed=0, clock=clock)
