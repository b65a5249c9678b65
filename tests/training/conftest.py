import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kun_recipes.training import model_options
from kun_recipes.training.config import TrainConfig

PAIRS = [(f"第{number}问：{number}加一是多少？", f"是{number + 1}。") for number in range(12)]


@pytest.fixture(autouse=True)
def one_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """fp32 everywhere, so that a tolerance holds on every processor."""
    monkeypatch.setattr(model_options, "fast_dtype", lambda: torch.float32)


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    path = tmp_path / "seeds.jsonl"
    lines = [json.dumps({"instruction": x, "output": y}, ensure_ascii=False) for x, y in PAIRS]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def judge_data(tmp_path: Path) -> Path:
    path = tmp_path / "judge.jsonl"
    rows = [
        {"judge": judge, "text": f"{judge}{label}{number}", "label": label}
        for judge, labels in {"filter": "是否", "score": "好差"}.items()
        for label in labels
        for number in range(6)
    ]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def answer_data(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    rows = [
        {
            "judge": "answer",
            "segment": f"段{segment}",
            "instruction": "问",
            "output": f"{label}{number}",
            "label": label,
        }
        for segment in range(4)
        for label in "好差"
        for number in range(2)
    ]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def make_config(tmp_path: Path, tiny_model: Path, seeds: Path) -> Callable[..., TrainConfig]:
    """A run of eight steps with a checkpoint every three."""

    def make(**changes) -> TrainConfig:
        values = {
            "output_dir": str(tmp_path / "model"),
            "model_name_or_path": str(tiny_model),
            "seeds": str(seeds),
            "use_peft": True,
            "lora_r": 4,
            "lora_alpha": 16,
            "lora_dropout": 0.0,
            "lora_target_modules": ["q_proj", "v_proj"],
            "learning_rate": 0.01,
            "per_device_train_batch_size": 2,
            "max_steps": 8,
            "save_steps": 3,
        }
        return TrainConfig(**{**values, **changes})

    return make


@pytest.fixture
def judges(repository: Path, judge_data: Path) -> dict[str, Any]:
    """The options that mix judge items in."""
    prompts = repository / "recipes" / "prompts"
    return {
        "judge_data": [str(judge_data)],
        "filter_prompt": str(prompts / "filter.txt"),
        "score_prompt": str(prompts / "score.txt"),
        "judge_turns": 4,
        "max_length": 2048,
    }
