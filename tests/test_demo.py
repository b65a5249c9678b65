"""The whole chain through the recipe scripts, on the tiny model: it runs, counts every row, and survives being killed.

The tiny model writes noise, so that the rules and thresholds which judge what a model wrote are opened wide here; what
they drop is tested in tests/curation.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from datasets import load_dataset

from kun_recipes.rows import read_rows

STAGES = ["corpus", "label_model", "primary_chat_model", "label", "refine", "final_model"]
MODELS = ["label_model", "primary_chat_model", "final_model"]


@pytest.fixture(scope="module")
def command(repository: Path, tiny_model: Path, open_rules: Path):
    """`recipes/run.py recipes/demo` for the tiny model, into a folder."""

    def build(output: Path, *more: str) -> list[str]:
        overrides = {
            "output_dir": output,
            "model": tiny_model,
            "corpus.max_tokens": 1100,  # bytes: a Chinese character is three tokens of the tiny model
            "max_length": 4096,
            "save_steps": 10,
            "rows_per_shard": 16,
            "max_batch_tokens": 65536,
            "label.max_tokens": 1100,
            "label.max_perplexity": "None",
            "label.max_new_tokens": 200,
            "label.temperature": 1.0,
            "label.rules": open_rules,
            "refine.rules": open_rules,
            "refine.filter_threshold": -100,
            "refine.score_threshold": -100,
            "refine.temperature": 1.0,
            "refine.max_new_tokens": 200,
        }
        words = [str(word) for key, value in overrides.items() for word in (f"--{key}", value)]
        return [sys.executable, str(repository / "recipes/run.py"), "recipes/demo", *words, *more]

    return build


@pytest.fixture(scope="module")
def finished(repository: Path, command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of an uninterrupted run."""
    output = tmp_path_factory.mktemp("runs") / "whole"
    done = subprocess.run(command(output), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Funnel" in done.stdout
    return output


@pytest.mark.timeout(600)
def test_every_row_is_kept_or_removed_with_a_reason(finished: Path):
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    assert list(summary) == STAGES
    for figures in summary.values():
        assert figures["rows_in"] == figures["rows_kept"] + sum(figures["removed"].values())
        assert figures["seconds"] > 0
    for stage, following in (("corpus", "label"), ("label", "refine")):
        assert summary[stage]["rows_kept"] == summary[following]["rows_in"]
    reasons = {"repetition", "boilerplate", "gambling", "points_back", "refusal", "contaminated", "near_duplicate"}
    assert reasons <= set(summary["corpus"]["removed"])


def test_every_removed_row_says_why(finished: Path):
    for stage in ("corpus", "label", "refine"):
        removed = json.loads((finished / stage / "stage.json").read_text(encoding="utf-8"))["removed"]
        found: dict[str, int] = {}
        for folder in sorted((finished / stage / "removed").iterdir()):
            for row in read_rows(folder):
                found[row["reason"]] = found.get(row["reason"], 0) + 1
        assert found == removed


def test_the_dataset_loads_with_a_split_a_source(finished: Path):
    dataset = load_dataset(str(finished / "dataset"))
    assert set(dataset) <= {"wudao", "wanjuan", "skypile"}
    for source, split in dataset.items():
        assert split.column_names[:3] == ["instruction", "output", "source"]
        assert set(split["source"]) == {source}
    kept = [row["id"] for row in read_rows(finished / "refine" / "rows")]
    assert sorted(kept) == sorted(row_id for split in dataset.values() for row_id in split["id"])


def test_a_second_run_has_nothing_to_do(repository: Path, command, finished: Path):
    before = contents(finished)
    done = subprocess.run(command(finished), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("complete:") == len(STAGES)
    assert contents(finished) == before


def test_changed_values_are_refused(repository: Path, command, finished: Path):
    done = subprocess.run(
        command(finished, "--only", "label", "--label.seed", "7"), cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "was made with another seed" in done.stderr and "Traceback" not in done.stderr


KILLED_WHEN = {  # the file whose appearance is the moment of the kill, below the run's folder
    "corpus": "corpus/logs/segment/completions/00000",
    "label_model": "label_model/checkpoints/checkpoint-10",
    "primary_chat_model": "primary_chat_model/checkpoints/checkpoint-20/manifest.json",
    "label": "label/logs/label/completions/00001",
    "refine": "refine/removed",
    "final_model": "final_model/checkpoints/held_out_before.json",
}


@pytest.mark.timeout(900)
def test_killed_in_every_stage_it_ends_with_the_same_rows_and_models(
    repository: Path, command, finished: Path, tmp_path: Path
):
    output = tmp_path / "killed"
    for stage in STAGES:
        kill_when(output / KILLED_WHEN[stage], command(output, "--only", stage), repository)
        done = subprocess.run(command(output, "--only", stage), cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert contents(output) == contents(finished)


def kill_when(appears: Path, command: list[str], folder: Path) -> None:
    """Start a run and SIGKILL all its processes as soon as a file appears."""
    run = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not appears.exists() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert run.poll() is None, "the run ended before it could be killed"
    assert appears.exists()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def contents(output: Path) -> dict[str, object]:
    """What must not depend on luck: every row of every stage, in order, and every model's weights."""
    rows = {stage: list(read_rows(output / stage / "rows")) for stage in ("corpus", "label", "refine")}
    removed = {
        str(folder.relative_to(output)): list(read_rows(folder))
        for stage in rows
        for folder in sorted((output / stage / "removed").iterdir())
    }
    weights = {name: (output / name / "model.safetensors").read_bytes() for name in MODELS}
    return rows | removed | weights
