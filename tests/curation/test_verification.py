"""What the checks of answers are worth together: on the held-out answers, by those that drop rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.curation.verification import Verification

ANSWERS = [
    ("问", "甲", "好"),
    ("问", "乙", "好"),
    ("问", "丙", "差"),
    ("问", "丁", "差"),
    ("问", "戊", "差"),
    ("问", "三十天", "差"),
    ("2019年呢？", "己", "差"),
]
"""Instruction, answer and label, for each segment; only the last two have a detail that no segment has."""

KEPT = {"support": "甲丙丁", "answer": "甲乙丙戊"}
"""The answers that each signal keeps."""


@pytest.fixture
def calibrations(tmp_path: Path) -> Calibrations:
    items = [
        JudgeItem("answer", instruction, label, "", output, segment)
        for segment in "春夏秋冬"
        for instruction, output, label in ANSWERS
    ]
    made = Calibrations(tmp_path / "judges.json", items, {"support": 0.0, "answer": 0.0})

    def judged(name: str, part: list[JudgeItem]) -> dict[str, list]:
        return {
            "log_odds": [1.0 if item.output in KEPT[name] else -1.0 for item in part],
            "right": [item.label == "好" for item in part],
        }

    measured = {
        name: {
            "judge": name,
            "bias": 0.0,
            "development": judged(name, made.development),
            "held_out": judged(name, made.held_out),
        }
        for name in KEPT
    }
    made.path.write_text(json.dumps(measured), encoding="utf-8")
    return made


def config(**options: Any) -> RefineConfig:
    chosen = {"candidates": "", "output_dir": "", "dataset_dir": "", "judge_data": [], "model": "", "verify": True}
    return RefineConfig(**chosen | options)


@pytest.mark.parametrize(
    ("checks", "precision", "recall"),
    [
        (["tails", "details", "support", "answer"], 1 / 2, 1 / 2),
        (["details"], 2 / 5, 1.0),
        (["support"], 1 / 3, 1 / 2),
        (["answer"], 2 / 4, 1.0),
        (["details", "answer"], 2 / 4, 1.0),
        (["tails"], 2 / 7, 1.0),
    ],
)
@pytest.mark.parametrize("keep_unverified", [False, True])
def test_the_checks_that_drop_rows_are_measured_together(
    calibrations, repository, monkeypatch, checks, precision, recall, keep_unverified
):
    monkeypatch.chdir(repository)  # the prompts' default paths
    found = Verification(config(checks=checks, keep_unverified=keep_unverified)).measured(calibrations)
    assert found["items"] == len(ANSWERS)
    assert (found["precision"], found["recall"]) == (precision, recall)
    for name in ("precision", "recall"):
        assert found[f"{name}_low"] < found[name] <= found[f"{name}_high"]


def test_the_context_has_room_for_each_request(calibrations, repository, monkeypatch):
    """The labelled answers, and what may become the answers of the candidates, whose tokens may be more read again."""
    monkeypatch.chdir(repository)
    verification = Verification(config())
    support, judge = verification.support, verification.judge
    for item in calibrations.held_out:
        asked = [(judge.prompt_for(*item.asked), 3), (support.prompt_for(*item.asked), len(item.output.encode()))]
        assert list(verification.labelled_requests(item)) == asked
    candidate = "写诗", "", "段落"
    assert list(verification.requests("写诗", "段落", 50)) == [
        (judge.prompt_for(*candidate), 153),
        (support.prompt_for(*candidate), 150),
    ]
