"""What the checks of answers are worth together: on the held-out answers, by those that drop rows."""

import json
from pathlib import Path

import pytest

from kun_recipes.curation.calibration import Calibrations
from kun_recipes.curation.config import RefineConfig
from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.curation.verification import Verification

ANSWERS = [("甲", "好"), ("乙", "好"), ("丙", "差"), ("丁", "差"), ("戊", "差"), ("三十天", "差")]
"""Answers to each segment, of which only the last has a detail of its own."""

KEPT = {"support": "甲丙丁", "answer": "甲乙丙戊"}
"""The answers that each signal keeps; details keep all but the last, which both signals turn down, too."""


@pytest.fixture
def calibrations(tmp_path: Path) -> Calibrations:
    items = [
        JudgeItem("answer", "问", label, "", output, segment) for segment in "春夏秋冬" for output, label in ANSWERS
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


@pytest.mark.parametrize(
    ("checks", "precision", "recall"),
    [
        (["tails", "details", "support", "answer"], 1 / 2, 1 / 2),
        (["details"], 2 / 5, 1.0),
        (["support"], 1 / 3, 1 / 2),
        (["answer"], 2 / 4, 1.0),
        (["details", "answer"], 2 / 4, 1.0),
        (["tails"], 2 / 6, 1.0),
    ],
)
@pytest.mark.parametrize("keep_unverified", [False, True])
def test_the_checks_that_drop_rows_are_measured_together(
    calibrations, repository, monkeypatch, checks, precision, recall, keep_unverified
):
    monkeypatch.chdir(repository)  # the prompts' default paths
    config = RefineConfig(
        candidates="",
        output_dir="",
        dataset_dir="",
        judge_data=[],
        model="",
        verify=True,
        checks=checks,
        keep_unverified=keep_unverified,
    )
    found = Verification(config).measured(calibrations)
    assert found["items"] == len(ANSWERS)
    assert (found["precision"], found["recall"]) == (precision, recall)
    for name in ("precision", "recall"):
        assert found[f"{name}_low"] < found[name] <= found[f"{name}_high"]
