"""The whole chain through the recipe scripts, on the tiny model: it runs, counts every row, and survives being killed.

The tiny model writes noise, so that the rules and thresholds which judge what a model wrote are opened wide here; what
they drop is tested in tests/curation.
"""

import json
import subprocess
from pathlib import Path

import pytest
from datasets import load_dataset

from kun_recipes.chain import all_stages
from kun_recipes.data.folders import foreign_files
from kun_recipes.data.rows import read_rows
from tests.killing import run_until_killed

pytestmark = pytest.mark.slow

STAGES = [name for name in all_stages.STAGES if name != "preference"]  # which runs on request


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


def test_each_stage_knows_every_file_that_it_writes(finished: Path):
    """A fresh run would else refuse to remove its folder."""
    for name in STAGES:
        assert foreign_files(finished / name, all_stages.STAGES[name].writes) == [], name


def test_removed_rows_are_counted_by_reason(finished: Path):
    for stage in ("corpus", "label", "refine"):
        removed = json.loads((finished / stage / "stage.json").read_text(encoding="utf-8"))["removed"]
        found: dict[str, int] = {}
        for folder in sorted((finished / stage / "removed").iterdir()):
            for row in read_rows(folder):
                found[row["reason"]] = found.get(row["reason"], 0) + 1
        assert found == removed


def test_dataset_loads_with_one_split_per_source(finished: Path):
    dataset = load_dataset(str(finished / "dataset"))
    assert set(dataset) <= {"wudao", "wanjuan", "skypile"}
    for source, split in dataset.items():
        assert split.column_names[:3] == ["instruction", "output", "source"]
        assert set(split["source"]) == {source}
    kept = [row["id"] for row in read_rows(finished / "refine" / "rows")]
    assert sorted(kept) == sorted(row_id for split in dataset.values() for row_id in split["id"])


def test_a_second_run_has_nothing_to_do(repository: Path, demo_command, finished: Path, contents):
    before = contents(finished)
    done = subprocess.run(demo_command(finished), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("complete:") == len(STAGES)
    assert contents(finished) == before


def test_changed_values_are_refused(repository: Path, demo_command, finished: Path):
    done = subprocess.run(
        demo_command(finished, "--only", "label", "--label.seed", "7"), cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "was made with another seed" in done.stderr and "Traceback" not in done.stderr


def test_missing_publish_options_are_reported_after_the_other_stages(
    repository: Path, demo_command, finished: Path, tmp_path: Path
):
    options = ["--publish.output_dir", str(tmp_path / "publish"), "--model_licence", "None"]
    done = subprocess.run(demo_command(finished, *options), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Funnel" in done.stdout
    assert done.stderr.startswith("publish failed (exit code 2): model_licence: must be set, because ")
    assert done.stderr.count("\n") == 2 and "Traceback" not in done.stderr


KILLED_WHEN = {  # the file whose appearance is the moment of the kill, below the run's folder
    "corpus": "corpus/logs/segment/completions/00000",
    "label_model": "label_model/checkpoints/checkpoint-10",
    "primary_chat_model": "primary_chat_model/checkpoints/checkpoint-20/manifest.json",
    "label": "label/logs/measure/completions/00001",
    "refine": "refine/removed",
    "final_model": "final_model/logs",
    "evaluate": "evaluate/logs/tiny-questions/completions/00002",
    "statistics": "statistics/started.json",
    "study": "study/started.json",
    "report": "report/started.json",
    "publish": "publish/dataset.partial",
}


@pytest.mark.timeout(900)
def test_run_killed_in_every_stage_ends_with_the_same_rows_and_models(
    repository: Path, demo_command, finished: Path, contents, tmp_path: Path
):
    """Each command resumes where the one before was killed, up to its own end in the next stage."""
    output = tmp_path / "killed"
    for stage in STAGES:
        run_until_killed(demo_command(output), repository, output / KILLED_WHEN[stage])
    done = subprocess.run(demo_command(output), cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(output) == contents(finished)
