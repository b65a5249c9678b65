import io
from dataclasses import replace

import pytest
from rich.console import Console

from kun_recipes.chain.plan.estimate import estimate
from kun_recipes.chain.plan.measured import MeasuredSpeed
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.chain.plan.table import show
from kun_recipes.corpus.config import Corpus


@pytest.fixture
def printed(make, known):
    def show_plan(width=130, assumed=None, **stages):
        stages = stages or {
            "corpus": make.corpus(),
            "label_model": make.training(direction="backward", save_steps=5),
            "label": make.label(),
            "refine": make.refine(),
        }
        console = Console(file=io.StringIO(), width=width)
        show(estimate(make.chain(**stages), assumed or known, None, Hardware(8, 4, {"label": "00:00:10"})), console)
        return console.file.getvalue().splitlines()

    return show_plan


def words(lines, stage):
    line = next(line for line in lines if line.startswith(f" {stage} "))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_table_has_one_line_per_stage(printed):
    lines = printed()
    assert words(lines, "corpus")[1:] == [
        "2,000",
        "1,000",
        "–",
        "200,000",
        "0.56",
        "4 cores",
        "–",
        "8.3 min",
        "600 kB",
        "estimated",
    ]
    assert words(lines, "label")[1:] == [
        "1,000",
        "800",
        "250,000",
        "10,000",
        "0.72",
        "8 GPUs",
        "8.6 MB",
        "5.4 min",
        "600 kB",
        "estimated",
    ]
    assert words(lines, "label_model")[:4] == ["label_model", "90", "6 steps", "18,900"]


def test_the_totals(printed):
    lines = printed()
    assert any(line.startswith("Total: 0.56 core hours and ") for line in lines)
    assert "Disk: 3.5 MB at the end." in lines
    assert "Additional scratch and checkpoints during the run: corpus 872 kB, label_model 12 MB." in lines


def test_a_warning_where_a_stage_outlasts_its_limit(printed):
    text = " ".join(printed())
    assert "warning: label: 5.4 min on 8 GPUs does not fit its time limit of 10 s; raise the limit" in text


def test_unknown_number_is_a_question_mark(make, printed):
    lines = printed(corpus=make.corpus(corpora=[Corpus("a", "wanjuan")]))
    assert words(lines, "corpus") == ["corpus", "?", "?", "–", "?", "?", "4 cores", "–", "?", "?", "unknown"]
    assert any(line.startswith("Total: ? core hours; ?") for line in lines)


def test_totals_say_that_some_of_it_is_unknown(make, printed):
    lines = printed(corpus=make.corpus(corpora=[Corpus("a", "wanjuan")], sample_rows=1000), label=make.label())
    assert any(line.startswith("Total: ? core hours and 0.72 GPU hours; at least 5.4 min if") for line in lines)


def test_where_a_speed_was_measured(printed, known):
    measured = replace(known, speeds={"label": MeasuredSpeed(100.0, "a run", "NVIDIA A100-SXM4-80GB")})
    text = " ".join(" ".join(printed(assumed=measured)).split())
    assert "measured on" in text and "NVIDIA A100-SXM4-80GB" in text
    assert words(printed(assumed=measured), "refine")[-1] == "unknown"


@pytest.mark.parametrize("width", [120, 140])
def test_table_is_not_truncated(printed, width):
    lines = printed(width=width)
    assert all(len(line) <= width for line in lines)
    assert not any("…" in line for line in lines)


def test_every_assumption_with_its_value_and_source(printed, known):
    shown = [line.replace(", per second", ",per_second").split() for line in printed(width=140)]
    for name, assumption in known.named():
        (line,) = [words for words in shown if words and words[0] == name.replace(", per second", ",per_second")]
        assert line[-2:] == ["a", "test"]
        assert (line[1] == "?") == (assumption.value is None)
