"""Training on preference pairs: what is read and refused, and the run on the tiny model from end to end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from kun_recipes.errors import ConfigError, UserError
from kun_recipes.training import checkpoints, preference
from kun_recipes.training.formatting import load_tokenizer
from kun_recipes.training.preference_config import PreferenceConfig
from kun_recipes.training.preference_data import load_preferences

PAIRS = [(f"第{number}问：{number}加一是多少？", f"是{number + 1}。", f"首页｜{number}的网页") for number in range(12)]


def turn(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def row(question: str, chosen: str, rejected: str) -> dict[str, Any]:
    sides = {"chosen": turn("assistant", chosen), "rejected": turn("assistant", rejected)}
    return {"prompt": turn("user", question), **sides}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write(tmp_path / "pairs" / "train.jsonl", [row(*pair) for pair in PAIRS]).parent


@pytest.fixture
def make(tmp_path: Path, tiny_model: Path, pairs: Path) -> Callable[..., PreferenceConfig]:
    """A run of eight steps with a checkpoint every three."""

    def build(**changes: Any) -> PreferenceConfig:
        values = {
            "output_dir": str(tmp_path / "model"),
            "model_name_or_path": str(tiny_model),
            "pairs": str(pairs),
            "use_peft": True,
            "lora_r": 4,
            "lora_target_modules": ["q_proj", "v_proj"],
            "learning_rate": 0.01,
            "per_device_train_batch_size": 2,
            "max_steps": 8,
            "save_steps": 3,
        }
        return PreferenceConfig(**{**values, **changes})

    return build


def data_of(config: PreferenceConfig):
    return load_preferences(config, load_tokenizer(config, config.model_name_or_path))


def test_pairs_are_held_out_by_their_instructions(make, pairs):
    data = data_of(make(held_out_share=0.25))
    held_out = {one["prompt"][0]["content"] for one in data.held_out}
    assert held_out and not held_out & {one["prompt"][0]["content"] for one in data.training}
    assert len(data.training) + len(data.held_out) == data.pairs == 12


def test_what_cannot_be_trained_on_is_counted(make, pairs):
    good, twice = row("问一", "答", "网页"), row("问二", "答", "答")
    odd = [
        twice,
        row("问三", "答", " "),
        row("问四", "答<|im_end|>", "网页"),
        row("问五", "答", "长" * 2000),
        {**good, "prompt": []},
    ]
    write(pairs / "train.jsonl", [good, row("问", "答", "页"), *odd])
    data = data_of(make())
    assert data.pairs == 2
    reasons = ["same_answers", "empty_text", "chat_marker", "too_long", "not_conversational"]
    assert [one.reason for one in data.removed] == reasons


REFUSED: dict[str, tuple[Callable[[Path], Any], dict[str, Any], str]] = {
    # what is done to the folder of pairs, options, and the message
    "no pair at all": (lambda folder: (folder / "train.jsonl").unlink(), {}, "no preference pairs; the refine"),
    "other columns": (
        lambda folder: write(folder / "train.jsonl", [{"instruction": "问", "output": "答"}]),
        {},
        "without prompt, chosen, rejected among its columns (instruction, output), and without a config preference",
    ),
    "no pair left": (
        lambda folder: write(folder / "train.jsonl", [row("问", "答", "答")]),
        {},
        "no usable preference pair; 1 same_answers",
    ),
    "another split": (lambda folder: None, {"pairs_split": "test"}, "has no split test; set pairs_split: train"),
    "broken": (lambda folder: (folder / "train.jsonl").write_text("{"), {}, "the preference pairs cannot be read"),
}


@pytest.mark.parametrize(("spoil", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_a_set_that_cannot_be_trained_on_is_refused_in_one_line(make, pairs, spoil, options, message):
    spoil(pairs)
    with pytest.raises(UserError) as caught:
        data_of(make(**options))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"padding_free": True}, {"sync_ref_model": True}, {"pairs_revision": "main"}])
def test_options_without_effect_are_refused(make, options):
    with pytest.raises(ConfigError) as caught:
        make(**options).check()
    assert next(iter(options)) in str(caught.value)


def weights(config: PreferenceConfig) -> bytes:
    return Path(config.output_dir, "model.safetensors").read_bytes()


class Killed(BaseException):
    """Stands for SIGKILL inside the test process: nothing may catch it."""


@pytest.mark.slow
def test_the_chosen_answers_win_and_a_kill_changes_no_weight(make, tmp_path, tiny_model, monkeypatch):
    whole = make(output_dir=str(tmp_path / "whole"))
    summary = preference.train(whole)
    assert summary["stage"] == "preference" and summary["rows_in"] == summary["rows_kept"] == 12
    assert summary["held_out_loss_before"] == pytest.approx(0.6931, abs=1e-3)
    assert summary["held_out_loss_after"] < summary["held_out_loss_before"]
    assert summary["reward_accuracy"] == 1 and summary["reward_margin"] > 0
    assert summary["config"]["pairs"]["path"] and summary["config"]["lora_r"] == 4
    trained = AutoModelForCausalLM.from_pretrained(whole.output_dir)
    assert not any("lora" in name for name, _ in trained.named_parameters())
    base = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    changed = {name for name, weight in trained.state_dict().items() if not torch.equal(weight, base[name])}
    assert changed and all("q_proj" in name or "v_proj" in name for name in changed)

    config = make()
    mark = checkpoints.WriteManifest.on_save

    def kill_after(self, args, state, *rest, **more):
        mark(self, args, state, *rest, **more)
        if state.global_step == 6:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.WriteManifest, "on_save", kill_after)
        with pytest.raises(Killed):
            preference.train(config)
    passing = ("seconds", "throughput", "used")
    lasting = [
        {key: value for key, value in one.items() if key not in passing} for one in (preference.train(config), summary)
    ]
    assert lasting[0] == lasting[1]
    assert weights(config) == weights(whole)


@pytest.mark.slow
def test_all_weights_are_trained_with_a_reference_model(make):
    config = make(use_peft=False, bf16=False, learning_rate=1e-3, max_steps=3, save_strategy="no")
    summary = preference.train(config)
    assert summary["held_out_loss_after"] < summary["held_out_loss_before"] == pytest.approx(0.6931, abs=1e-3)
