"""Two rounds of the whole chain on a tiny model: what they write, what is published, and a kill in the second."""

import json
import shutil
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from datasets import load_dataset

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain
from kun_recipes.data.rows import read_rows
from tests.killing import run_until_killed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LEFT_OUT = ("evaluate", "statistics", "study", "annotate")


def head(source: Path, target: Path, lines: int) -> str:
    """Write the first lines of a file."""
    with source.open(encoding="utf-8") as file:
        target.write_text("".join(islice(file, lines)), encoding="utf-8")
    return str(target)


@pytest.fixture(scope="module")
def load(repository: Path, ending_model: Path, open_rules: Path, tmp_path_factory) -> Callable[[Path], Chain]:
    """Loads two rounds of the demo, as small as they can be, into a folder."""
    folder = tmp_path_factory.mktemp("rounds")
    data = repository / "recipes/demo/data"
    shutil.copytree(repository / "recipes/demo", folder / "demo", ignore=shutil.ignore_patterns("data"))
    for name in LEFT_OUT:
        (folder / "demo" / f"{name}.yaml").unlink()
    judges = head(data / "judge.jsonl", folder / "judge.jsonl", 80)
    options = {
        "model": ending_model,
        "seeds": head(data / "seeds.jsonl", folder / "seeds.jsonl", 16),
        "dataset_mixture": "null",
        "refine.judge_data": judges,
        "primary_chat_model.judge_data": judges,
        "corpus.corpora": f"{data / 'corpus/skypile'},format=skypile",
        "corpus.max_tokens": 1100,  # bytes
        "max_length": 4096,
        "max_steps": 2,
        "save_steps": 1,
        "report_to": "none",
        "label.max_tokens": 1100,
        "label.max_perplexity": "null",
        "label.min_fit_percentile": "null",
        "label.candidates": 1,
        "label.drop_statements": "false",
        "temperature": 1.0,
        "label.max_new_tokens": 100,
        "refine.max_new_tokens": 100,
        "rules": open_rules,
        "corpus.rules": "null",
        "refine.verify": "false",
        "refine.filter_threshold": -100,
        "refine.score_threshold": -100,
        "evaluation_dir": "null",
        "statistics_dir": "null",
        "study_results": "null",
        "base_model": "org/tiny",
        "model_licence": "mit",
        "rounds": 2,
    }

    def load_rounds(output: Path) -> Chain:
        words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        return load_chain(str(folder / "demo"), ["--output_dir", str(output), *words])

    return load_rounds


@pytest.fixture(autouse=True)
def here(repository: Path, monkeypatch) -> None:
    monkeypatch.chdir(repository)


def run_all(load: Callable[[Path], Chain], output: Path) -> list[str]:
    """Run what is missing of a chain in this process, and return the names of what ran."""
    ran = []
    for stage in load(output).stages:
        if not stage.complete:
            stage.kind.main(stage.words[1:])
            ran.append(stage.name)
            assert stage.complete, stage.name
    return ran


@pytest.fixture(scope="module")
def finished(load, repository: Path, tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        output = tmp_path_factory.mktemp("runs") / "whole"
        run_all(load, output)
    return output


def results(output: Path) -> dict[str, object]:
    """Every row that was kept or removed, by folder; the weights of the second round, and what is said of it."""
    stages = [*(f"round_{number}/{name}" for number in (1, 2) for name in ("label", "refine")), "label", "refine"]
    kinds = ("r*/**/", "held_out/r*/**/")
    folders = [folder for stage in stages for kind in kinds for folder in (output / stage).glob(kind)]
    rows = {
        str(folder.relative_to(output)): list(read_rows(folder)) for folder in folders if any(folder.glob("*.zst"))
    }
    models = (output / "round_2" / name / "model.safetensors" for name in ("label_model", "primary_chat_model"))
    return {
        **rows,
        **{model.parent.name: model.read_bytes() for model in models},
        "gain": summary(output / "round_2/gain")["comparison"],
    }


def summary(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))


def accepted(finished: Path) -> set[int]:
    """Return the rounds whose rows are kept: the second only if the gain stage finds that it helps."""
    return {1, 2} if summary(finished / "round_2/gain")["helps"] else {1}


def test_the_second_round_learns_from_the_first_and_labels_other_segments(finished: Path):
    first, second = (
        {row["id"] for row in read_rows(finished / f"round_{number}/label/measured")} for number in (1, 2)
    )
    held_out = [
        {row["id"] for row in read_rows(finished / f"round_{number}/label/held_out/measured")} for number in (1, 2)
    ]
    assert first and second and not first & second
    assert held_out[0] == held_out[1] and held_out[0] and not held_out[0] & (first | second)
    for model in ("label_model", "primary_chat_model"):
        one, two = (
            json.loads((finished / f"round_{number}/{model}/train_summary.json").read_text()) for number in (1, 2)
        )
        assert one["mixed"] == []
        (mixed,) = two["mixed"]
        assert 0 < mixed["rows_kept"] <= mixed["rows_in"] == summary(finished / "round_1/refine")["rows_kept"]
        assert one["judge_items"] == two["judge_items"]


def test_every_row_of_both_rounds_is_counted(finished: Path):
    corpus, label, refine = (summary(finished / name) for name in ("corpus", "label", "refine"))
    assert corpus["rows_kept"] == label["rows_in"] == label["rows_kept"] + sum(label["removed"].values())
    assert label["rows_kept"] == refine["rows_in"]
    dataset = load_dataset(str(finished / "dataset"))
    assert {number for split in dataset.values() for number in split["round"]} == accepted(finished)


def test_report_and_cards_tell_of_the_rounds(finished: Path):
    assert "What each round gave" in (finished / "report/report.html").read_text(encoding="utf-8")
    for name in ("dataset", "candidates"):
        folder = finished / "publish" / name
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "### Rounds" in card and "| `round` | int64 |" in card
        assert accepted(finished) == {1} or "recipes/run.py recipes/demo --rounds 2" in card
        published = load_dataset("parquet", data_files=str(folder / "data/*.parquet"))["train"]
        assert set(published["round"]) == accepted(finished)
    assert not list((finished / "publish").glob("*/.written.json"))


def test_a_second_run_has_nothing_to_do(load, finished: Path):
    assert run_all(load, finished) == []


def test_rounds_are_compared_on_the_same_segments(finished: Path):
    changes = {change["name"]: change for change in summary(finished / "round_2/gain")["comparison"]["changes"]}
    stages = [summary(finished / f"round_{number}/label/held_out") for number in (1, 2)]
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
    load, finished: Path, repository: Path, tmp_path: Path, name: str, moment: str
):
    output = tmp_path / "killed"
    shutil.copytree(finished, output)
    stages = {stage.name: stage for stage in load(output).stages}
    for written in (*stages[name].written(), *stages["rounds"].written()):
        shutil.rmtree(written)
    run_until_killed([sys.executable, *stages[name].words], repository, output / moment)
    assert name in run_all(load, output)
    assert results(output) == results(finished)
