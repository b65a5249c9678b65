"""Config of a stage that exists only here."""

from dataclasses import dataclass

import pytest

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath, InputPath, OutputPath


@dataclass(frozen=True)
class NamedSet:
    path: DatasetPath = option()
    name: str = option("seeds")


@dataclass(kw_only=True)
class SampleConfig:
    output_dir: OutputPath = option(affects_rows=False)
    seeds: DatasetPath = option()
    inputs: list[InputPath] = option(["x"])
    sampling: str = option("greedy")
    sets: list[NamedSet] | None = option(None)
    threshold: float | None = option(None)
    workers: int = option(1, affects_rows=False)
    max_batch_tokens: int = option(64, affects_rows=False)


@pytest.fixture
def config(tmp_path) -> SampleConfig:
    (tmp_path / "seeds.jsonl").write_text("{}\n", encoding="utf-8")
    return SampleConfig(output_dir=str(tmp_path / "stage"), seeds=str(tmp_path / "seeds.jsonl"))
