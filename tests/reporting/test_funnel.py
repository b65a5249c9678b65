"""What a run reports: its measurements, the funnel, and the same few rows each time."""

import hashlib
from pathlib import Path

import pytest
from datatrove.data import Document
from rich.console import Console

from kun_recipes.chain.all_stages import STAGES as DECLARED
from kun_recipes.data.rows import read_rows, row_writer
from kun_recipes.reporting.funnel import (
    funnel_table,
    judge_lines,
    row_panel,
    run_summary,
    sample_rows,
    verification_line,
)

JUDGES = {
    "filter": {
        **{
            "auc": 0.914,
            "auc_low": 0.8,
            "auc_high": 0.97,
            "accuracy": 0.85,
            "accuracy_low": 0.71,
            "accuracy_high": 0.929,
        },
        **{"held_out": 40, "threshold": 0.5, "threshold_from": "config"},
    },
    "score": {
        **{
            "auc": 0.805,
            "auc_low": 0.65,
            "auc_high": 0.9,
            "accuracy": 0.7,
            "accuracy_low": 0.546,
            "accuracy_high": 0.82,
        },
        **{"held_out": 42, "threshold": -1.25, "threshold_from": "development items"},
    },
}
STAGES = {
    "corpus": {
        "rows_in": 140,
        "rows_kept": 32,
        "removed": {"too_short": 100, "duplicate": 8},
        "seconds": 3.6,
        "config": {"corpora": "secret"},
    },
    "refine": {
        "rows_in": 32,
        "rows_kept": 32,
        "removed": {},
        "seconds": 61.2,
        "judges": JUDGES,
        "config": {"model": "secret"},
    },
}


def shown(renderable) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_the_summary_holds_the_figures_without_the_config():
    summary = run_summary(STAGES)
    assert list(summary) == ["corpus", "refine"]
    assert summary["corpus"] == {
        "rows_in": 140,
        "rows_kept": 32,
        "removed": {"too_short": 100, "duplicate": 8},
        "seconds": 3.6,
    }
    assert summary["refine"]["judges"] == JUDGES
    assert "config" in STAGES["corpus"]


def test_funnel_has_one_line_per_stage_and_per_reason():
    lines = [line.replace("│", "").split() for line in shown(funnel_table(STAGES)).splitlines() if "│" in line]
    assert lines == [
        ["corpus", "140", "32", "108", "4"],
        ["too_short", "100"],
        ["duplicate", "8"],
        ["refine", "32", "32", "0", "61"],
    ]


def test_further_candidates_stand_beside_the_sum_of_the_removed_rows():
    label = {"rows_in": 9, "rows_kept": 8, "removed": {"fit": 1}, "not_best": 27, "seconds": 1}
    lines = [
        line.replace("│", "").split() for line in shown(funnel_table({"label": label})).splitlines() if "│" in line
    ]
    assert lines == [["label", "9", "8", "1", "1"], ["fit", "1"], ["not_best:", "further", "candidates", "(27)"]]


def test_the_funnel_names_its_columns():
    text = shown(funnel_table({}))
    assert "Funnel: rows in, kept, and removed by reason" in text
    assert all(column in text for column in ("stage", "rows in", "kept", "removed", "seconds"))


def test_funnel_shows_the_quality_of_each_judge():
    assert [line.plain for line in judge_lines(JUDGES)] == [
        "filter judge: AUC 0.91 [0.80, 0.97], accuracy 0.85 [0.71, 0.93] on 40 held-out items; threshold: calibrated"
        " log-odds +0.50 (config)",
        "score judge: AUC 0.81 [0.65, 0.90], accuracy 0.70 [0.55, 0.82] on 42 held-out items; threshold: calibrated"
        " log-odds -1.25 (development items)",
    ]


def test_the_funnel_shows_what_verification_is_worth():
    support = {**JUDGES["score"], "threshold": 1.5}
    (line,) = judge_lines({"support": support})
    assert line.plain.startswith("support: AUC 0.81") and "threshold: support +1.50" in line.plain
    shares = {"precision": 0.9, "precision_low": 0.8, "precision_high": 0.95}
    shares |= {"recall": 0.75, "recall_low": 0.6, "recall_high": 0.85}
    assert verification_line({"items": 80, **shares}).plain == (
        "verification: on 80 labelled answers, right ones are kept with precision 0.90 [0.80, 0.95] and recall"
        " 0.75 [0.60, 0.85]"
    )


def write_rows(folder: Path, ids: list[str]) -> Path:
    for rank, id in enumerate(ids):
        with row_writer(folder) as writer:
            writer.write(Document(text="段落", id=id, metadata={}), rank)
    return folder


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_the_sample_does_not_depend_on_the_order_of_the_rows(tmp_path, count):
    ids = [f"wudao/{number}" for number in range(5)]
    by_hash = sorted(ids, key=lambda id: hashlib.sha256(id.encode()).hexdigest())
    forward = sample_rows(read_rows(write_rows(tmp_path / "forward", ids)), count)
    backward = sample_rows(read_rows(write_rows(tmp_path / "backward", ids[::-1])), count)
    assert [row["id"] for row in forward] == by_hash[:count]
    assert backward == forward


def test_the_sample_is_three_rows(tmp_path):
    assert len(sample_rows(read_rows(write_rows(tmp_path, list("abcde"))))) == 3


def test_a_row_is_shown_in_full():
    row = {
        "id": "0123456789abcdef",
        "source": "wudao",
        "text": "水在一百度沸腾。[/b] [red]",
        "instruction": "水何时沸腾？[1]",
        "output": "在一百摄氏度。[/]\n" + "很长的回答，" * 40,
        "perplexity": 1.648,
        "fit": 1.0,
        "filter_probability": 0.876,
        "score_probability": 0.5,
    }
    text = shown(row_panel(row))
    assert "wudao · 0123456789ab ─" in text
    for part in (
        "水何时沸腾？[1]",  # brackets are text, not markup
        "在一百摄氏度。[/]",
        "segment: 水在一百度沸腾。[/b] [red]",
        "perplexity 1.65 · fit +1.00 · P(是) 0.88 · P(好) 0.50",
    ):
        assert part in text
    assert text.count("很长的回答") == 40


def test_funnel_shows_the_held_out_loss_of_trainings():
    stages = {
        "label_model": {"held_out_loss_before": 3.674, "held_out_loss_after": 2.379, "rows_held_out": 7},
        "final_model": {"held_out_loss_before": None, "held_out_loss_after": None, "rows_held_out": 0},
        "label": {"rows_in": 3},
    }
    lines = [line.plain for name, summary in stages.items() for line in DECLARED[name].headlines(name, summary)]
    assert lines == ["label_model: loss on 7 held-out pairs 3.67 before, 2.38 after"]


def test_a_verified_row_shows_its_checks():
    row = {"id": "0123", "source": "wudao", "text": "段落", "instruction": "问", "output": "答", "perplexity": 1.6}
    row |= {"fit": 1.0, "filter_probability": 0.9, "score_probability": 0.5}
    checks = {"support": 1.25, "answer_probability": 0.75, "missing_details": ["2019年", "GPT"]}
    text = " ".join(shown(row_panel(row | checks)).replace("│", " ").split())
    assert "support +1.25 · P(right) 0.75 · not in the segment: 2019年、GPT" in text
    assert "support" not in shown(row_panel(row))
