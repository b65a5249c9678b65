"""Two rounds of the whole chain on a tiny model: what they write, what is published, and a kill in the second."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from datasets import load_dataset

from kun_recipes.data.rows import read_rows
from tests.killing import run_until_killed
from tests.two_rounds import TwoRounds, results, summary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def here(repository: Path, monkeypatch) -> None:
    monkeypatch.chdir(repository)


def accepted(finished_rounds: Path) -> set[int]:
    """Return the rounds whose rows are kept: the second only if the gain stage finds that it helps."""
    return {1, 2} if summary(finished_rounds / "round_2/gain")["helps"] else {1}


def test_the_second_round_learns_from_the_first_and_labels_other_segments(finished_rounds: Path):
    first, second = (
        {row["id"] for row in read_rows(finished_rounds / f"round_{number}/label/measured")} for number in (1, 2)
    )
    held_out = [
        {row["id"] for row in read_rows(finished_rounds / f"round_{number}/label/held_out/measured")}
        for number in (1, 2)
    ]
    assert first and second and not first & second
    assert held_out[0] == held_out[1] and held_out[0] and not held_out[0] & (first | second)
    for model in ("label_model", "primary_chat_model"):
        one, two = (
            json.loads((finished_rounds / f"round_{number}/{model}/train_summary.json").read_text())
            for number in (1, 2)
        )
        assert one["mixed"] == []
        (mixed,) = two["mixed"]
        assert 0 < mixed["rows_kept"] <= mixed["rows_in"] == summary(finished_rounds / "round_1/refine")["rows_kept"]
        assert one["judge_items"] == two["judge_items"]


def test_every_row_of_both_rounds_is_counted(finished_rounds: Path):
    corpus, label, refine = (summary(finished_rounds / name) for name in ("corpus", "label", "refine"))
    assert corpus["rows_kept"] == label["rows_in"] == label["rows_kept"] + sum(label["removed"].values())
    assert label["rows_kept"] == refine["rows_in"]
    dataset = load_dataset(str(finished_rounds / "dataset"))
    assert {number for split in dataset.values() for number in split["round"]} == accepted(finished_rounds)


def test_report_and_cards_tell_of_the_rounds(finished_rounds: Path):
    assert "Results of each round" in (finished_rounds / "report/report.html").read_text(encoding="utf-8")
    for name in ("dataset", "candidates"):
        folder = finished_rounds / "publish" / name
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "### Rounds" in card and "| `round` | int64 |" in card
        assert accepted(finished_rounds) == {1} or "recipes/run.py recipes/demo --rounds 2" in card
        published = load_dataset("parquet", data_files=str(folder / "data/*.parquet"))["train"]
        assert set(published["round"]) == accepted(finished_rounds)
    assert not list((finished_rounds / "publish").glob("*/.written.json"))


def test_a_second_run_has_nothing_to_do(two_rounds: TwoRounds, finished_rounds: Path):
    assert two_rounds.run(finished_rounds) == []


def test_rounds_are_compared_on_the_same_segments(finished_rounds: Path):
    changes = {change["name"]: change for change in summary(finished_rounds / "round_2/gain")["comparison"]["changes"]}
    stages = [summary(finished_rounds / f"round_{number}/label/held_out") for number in (1, 2)]
    change = changes["held_out_kept_label"]
    assert [change["before"], change["after"]] == [one["rows_kept"] / one["rows_in"] for one in stages]
    assert change["on"] == f"{stages[0]['rows_in']} held-out segments"


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("label_model_2", "round_2/label_model/checkpoints/checkpoint-1/manifest.json"),
        ("primary_chat_model_2", "round_2/primary_chat_model/checkpoints/checkpoint-1/manifest.json"),
        ("label_2", "round_2/label/logs/measure/completions/00000"),
        ("refine_2", "round_2/refine/rows"),
        ("refine_2", "round_2/refine/held_out/rows"),
        ("gain_2", "round_2/gain/rows/round_1/label_model"),
    ],
)
def test_a_kill_in_the_second_round_ends_with_the_same_rows(
    two_rounds: TwoRounds, finished_rounds: Path, repository: Path, tmp_path: Path, name: str, moment: str
):
    output = tmp_path / "killed"
    shutil.copytree(finished_rounds, output)
    stages = {stage.name: stage for stage in two_rounds.load(output).stages}
    for written in (*stages[name].written(), *stages["rounds"].written()):
        shutil.rmtree(written)
    run_until_killed([sys.executable, *stages[name].words], repository, output / moment)
    assert name in two_rounds.run(output)
    assert results(output) == results(finished_rounds)
