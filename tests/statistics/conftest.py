"""Pairs in a file, and the stage's config for the tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.config.command_line import load
from kun_recipes.statistics.config import StatisticsConfig


@pytest.fixture
def write_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes `count` pairs, half of them questions, as rows.jsonl or another file."""

    def write(count: int, name: str = "rows.jsonl", **more: Any) -> Path:
        rows = [
            {
                "id": f"row-{number}",
                "source": "wudao" if number % 4 else "skypile",
                "instruction": f"第{number}个问题是什么？" if number % 2 else f"写出第{number}句话。",
                "output": f"这是第{number}个回答，写于{2000 + number % 25}年。",
                **more,
            }
            for number in range(count)
        ]
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def statistics_config(repository: Path, tiny_model: Path, tmp_path: Path, monkeypatch) -> Callable[..., Any]:
    """The config of a run over these pairs, into tmp_path/out by default."""
    monkeypatch.chdir(repository)

    def make(dataset: Path, *words: str) -> StatisticsConfig:
        given = {"dataset": dataset, "model": tiny_model, "output_dir": tmp_path / "out", "reference_year": 2024}
        fixed = [str(word) for key, value in given.items() for word in (f"--{key}", value)]
        return load(StatisticsConfig, [*fixed, "--dtype", "float32", *words])

    return make
