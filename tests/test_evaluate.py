"""The evaluate stage through its script, on tiny models: what it leaves and refuses, and that a kill costs one."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from kun_recipes.data.rows import read_rows
from tests.killing import run_until_killed

pytestmark = pytest.mark.slow

SUBJECTS = 6
LIMIT = 3
CEVAL = "recipes/demo/data/ceval,name=ceval"


@pytest.fixture(scope="module")
def command(repository: Path, tiny_model: Path, ending_model: Path):
    """recipes/model_evaluation.py with the demo's file, for the two tiny models, into a folder."""

    def build(output: Path, *more: str, config: Path = Path("recipes/demo/evaluate.yaml")) -> list[str]:
        overrides = {
            "model": tiny_model,
            "output_dir": output,
            "training_rows": "recipes/demo/data/seeds.jsonl",
            "limit": LIMIT,
            "shots": 5,
            "max_new_tokens": 4,
            "held_out_new_tokens": 8,
            "dtype": "float32",
            "bootstrap": 200,
        }
        if config.is_relative_to("recipes"):
            overrides["models"] = ending_model
        words = [str(word) for key, value in overrides.items() for word in (f"--{key}", value)]
        return [sys.executable, "recipes/model_evaluation.py", "--config", str(config), *words, *more]

    return build


@pytest.fixture(scope="module")
def run(repository: Path, command):
    def start(output: Path, *more: str, **options) -> subprocess.CompletedProcess:
        words = command(output, *more, **options)
        return subprocess.run(words, cwd=repository, capture_output=True, text=True, check=False)

    return start


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory) -> tuple[Path, str]:
    """An uninterrupted run's folder, and what it printed."""
    output = tmp_path_factory.mktemp("evaluate") / "whole"
    done = run(output, "--modes", "ppl", "gen", "ppl-full", "--format", "plain")
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def records(output: Path, part: str = "rows") -> dict[str, list]:
    return {folder.name: list(read_rows(folder)) for folder in sorted((output / part).iterdir())}


def results(output: Path) -> dict:
    return json.loads((output / "results.json").read_text(encoding="utf-8"))


def test_one_record_per_question_and_model(whole):
    output, _ = whole
    found = records(output)
    assert set(found) == {"tiny", "ending"}
    for rows in found.values():
        assert len(rows) == SUBJECTS * LIMIT
        assert len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            assert row["ppl_prediction"] == row["ppl-full_prediction"]
            assert {"gold", "ppl_prompt", "ppl_probabilities", "gen_text", "gen_strict", "gen_lenient"} <= row.keys()
    assert all(len(rows) == 7 for rows in records(output, "held_out").values())
    summary = json.loads((output / "stage.json").read_text(encoding="utf-8"))
    assert summary["rows_in"] == summary["rows_kept"] == 2 * (SUBJECTS * LIMIT + 7)


def test_results_equal_those_of_the_records(whole):
    output, _ = whole
    found = results(output)
    assert [(model["name"], model["base"], model["format"]) for model in found["models"]] == [
        ("tiny", True, "plain"),
        ("ending", False, "plain"),
    ]
    for model in found["models"]:
        rows = [row for row in records(output)[model["name"]] if row["benchmark"] == "ceval"]
        right = sum(row["ppl_prediction"] == row["gold"] for row in rows)
        score = model["scores"]["ceval"]["ppl"]
        assert score["pooled"] == pytest.approx(right / len(rows))
        assert score["accuracy"] == pytest.approx(score["pooled"])  # as many questions in each subject
        assert score["accuracy_low"] <= score["accuracy"] <= score["accuracy_high"]
        assert model["held_out"]["perplexity"] > 1
    assert {one["benchmark"] for one in found["comparisons"]} == {"ceval", "cmmlu"}
    assert found["benchmarks"]["ceval"]["prompt_version"] == 2


def test_tables_and_figure_are_written(whole):
    output, printed = whole
    assert "demo quiz 1" in printed and "tiny (base)" in printed and "held-out pairs" in printed
    table = (output / "table.md").read_text(encoding="utf-8")
    assert "| tiny (base) |" in table and "McNemar" in table
    assert r"\begin{tabular}{l" in (output / "table.tex").read_text(encoding="utf-8")
    assert (output / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_hub_client_parses_the_model_index(whole):
    from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

    output, _ = whole
    for name in ("tiny", "ending"):
        entries = json.loads((output / "model_index" / f"{name}.json").read_text(encoding="utf-8"))
        _, read = model_index_to_eval_results([{"name": name, "results": entries}])
        assert {one.metric_type for one in read} == {"accuracy", "unparsed", "perplexity", "refusal-rate"}
        assert {one.dataset_type for one in read} == {"demo-quiz-1", "demo-quiz-2", "held-out-seeds"}
        accuracies = [one for one in read if one.metric_type == "accuracy"]
        assert all("5 shots, plain prompt v2" in one.metric_name for one in accuracies)
        assert eval_results_to_model_index(name, read)[0]["results"]


def test_second_run_asks_no_model_and_prints_the_same(run, whole):
    output, printed = whole
    begun = time.monotonic()
    done = run(output, "--modes", "ppl", "gen", "ppl-full", "--format", "plain")
    assert done.returncode == 0 and done.stdout == printed
    assert time.monotonic() - begun < 60


def test_changed_values_are_refused(run, whole):
    output, _ = whole
    done = run(output, "--modes", "ppl", "gen", "ppl-full", "--format", "plain", "--shots", "4")
    assert done.returncode == 2
    assert "was made with another shots (shots: 5 then, 4 now)" in done.stderr


def test_killed_run_repeats_one_subject_at_most(run, command, repository, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(whole).returncode == 0
    run_until_killed(command(killed), repository, killed / "logs/ending-questions/completions/00002")
    finished = [killed / "rows" / "tiny" / f"{number:05d}.jsonl.zst" for number in range(SUBJECTS)]
    finished += [killed / "rows" / "ending" / f"{number:05d}.jsonl.zst" for number in range(3)]
    written = {file: file.stat().st_mtime_ns for file in finished}
    assert not (killed / "stage.json").exists()
    done = run(killed)
    assert done.returncode == 0, done.stderr
    assert {file: file.stat().st_mtime_ns for file in finished} == written
    assert records(killed) == records(whole)
    assert records(killed, "held_out") == records(whole, "held_out")
    assert results(killed) == results(whole)


def test_two_workers_give_the_same_records(run, whole, repository, tmp_path):
    """Of the base model alone: a file without `models` measures it."""
    output, _ = whole
    values = yaml.safe_load((repository / "recipes/demo/evaluate.yaml").read_text(encoding="utf-8"))
    del values["models"]
    file = tmp_path / "evaluate.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    words = ["--modes", "ppl", "gen", "ppl-full", "--workers", "2", "--seeds", "recipes/demo/data/seeds.jsonl"]
    command = run(tmp_path / "two", *words, config=file)
    assert command.returncode == 0, command.stderr
    assert records(tmp_path / "two") == {"tiny": records(output)["tiny"]}
    assert results(tmp_path / "two")["comparisons"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--benchmarks", "/no/such,name=ceval"],
            "/no/such: no such folder; give the folder with the benchmark's CSV files",
        ),
        (
            ["--benchmarks", "ceval/ceval-exam,name=ceval"],
            "ceval/ceval-exam: no such folder; give a Hub dataset with its",
        ),
        (
            ["--benchmarks", f"{CEVAL},subjects=law"],
            "dev/law_dev.csv: no such file; download the benchmark again, or choose other subjects",
        ),
        (["--benchmarks", f"{CEVAL},subjects=lore"], "lore: not a subject of C-Eval; did you mean "),
        (["--groups", "Stem"], "groups: unknown group Stem; choose from STEM, "),
        (["--groups", "Hard"], "groups Hard: no selected subject belongs to them"),
        (["--modes", "ppl", "ppl-full"], "modes: ppl-full compares plain texts: set base_format and format to plain"),
        (["--modes", "mc"], "modes[0]: must be one of ppl, gen, ppl-full, not mc"),
        (["--shots", "6"], "middle_school_physics has 5 rows in dev, but 6 shots were requested; lower shots"),
        (["--models", "a/final", "b/final"], "models: two of them are named final; rename the folder of one"),
        (["--seeds", "no.jsonl"], "seeds: no such file or folder: no.jsonl"),
        (["--training_rows", "no.jsonl"], "training_rows[0]: no such file or folder: no.jsonl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_gets_one_line(repository, command, tmp_path, words, message, monkeypatch, capsys):
    """In this process: each would take seconds to start."""
    import runpy

    monkeypatch.chdir(repository)
    monkeypatch.setattr(sys, "argv", command(tmp_path / "out", *words)[1:])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path("recipes/model_evaluation.py", run_name="__main__")
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()
