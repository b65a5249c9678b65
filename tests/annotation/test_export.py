import csv
import json
import subprocess
import sys

from datasets import load_dataset

from kun_recipes.annotation.export import write_dataset, write_votes
from kun_recipes.annotation.storage import read_votes
from kun_recipes.studies.votes import PreferenceVote, QualityVote
from tests.annotation.conftest import ANSWER, NAMES


def vote_a_little(assigner) -> None:
    for name in NAMES[:2]:
        assigner.clock.now += 10
        shown = assigner.show("quality", name)
        assigner.submit("quality", name, shown.assignment.id, ANSWER)
        shown = assigner.show("preference", name)
        assigner.submit("preference", name, shown.assignment.id, {"pressed": "left"})


def test_votes_come_out_as_records(assigner, config):
    vote_a_little(assigner)
    votes = read_votes(config.database)
    quality, preference = votes["quality"], votes["preference"]
    assert all(isinstance(vote, QualityVote) for vote in quality)
    assert all(isinstance(vote, PreferenceVote) for vote in preference)
    assert [vote.time for vote in quality] == [1010, 1020]
    assert {vote.annotator for vote in quality} == {"a1", "a2"}
    assert [vote.annotator for vote in quality] == [vote.annotator for vote in preference]
    assert (quality[0].clarity, quality[0].practicality, quality[0].output) == (True, False, "pass")
    assert all(vote.choice == vote.first for vote in preference)  # left was pressed


def test_withdrawn_votes_are_left_out(assigner, config):
    vote_a_little(assigner)
    assigner.undo("quality", "anna", assigner.show("quality", "anna").assignment.id)
    assert len(read_votes(config.database)["quality"]) == 1


def test_files_without_names(assigner, config, tmp_path):
    vote_a_little(assigner)
    votes = read_votes(config.database)
    paths = write_votes(votes, tmp_path / "votes")
    assert [path.name for path in paths] == [
        "quality_votes.jsonl",
        "quality_votes.csv",
        "preference_votes.jsonl",
        "preference_votes.csv",
    ]
    lines = [json.loads(line) for line in paths[0].read_text(encoding="utf-8").splitlines()]
    assert [QualityVote(**line) for line in lines] == votes["quality"]
    with paths[3].open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["choice"] for row in rows] == [vote.choice for vote in votes["preference"]]
    assert not any(name in path.read_text(encoding="utf-8") for path in paths for name in ("anna", ",bo,", '"bo"'))


def test_a_dataset_that_load_dataset_reads(assigner, config, study, tmp_path):
    vote_a_little(assigner)
    folder = write_dataset(study, read_votes(config.database), tmp_path / "dataset")
    quality = load_dataset(str(folder), "quality", split="train", cache_dir=str(tmp_path / "cache"))
    assert quality.column_names[:7] == [
        "item",
        "annotator",
        "clarity",
        "feasibility",
        "practicality",
        "output",
        "time",
    ]
    assert quality[0]["item_instruction"] == study.tasks["quality"][quality[0]["item"]].instruction
    preference = load_dataset(str(folder), "preference", split="train", cache_dir=str(tmp_path / "cache"))
    assert preference[0]["item_model_a"] == "kun"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| quality | 2 | " in card
    assert {row["annotator"] for row in quality} == {"a1", "a2"}


def test_reading_votes_needs_no_gradio(repository):
    code = (
        "import sys, kun_recipes.annotation.export as e; sys.exit('gradio' in sys.modules or 'fastapi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=repository).returncode == 0
