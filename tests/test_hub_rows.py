"""Label and refine between two datasets of a Hub on loopback, through their scripts on the tiny model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset

from kun_recipes.data.rows import read_rows
from tests.killing import run_until_killed
from tests.publishing.run_folder import RunFolder

pytestmark = pytest.mark.slow

SEGMENTS = [
    "绿茶在加工时先用高温杀青，使鲜叶中的酶失去活性，因此叶色翠绿。",
    "红茶则让揉捻后的茶叶充分氧化，茶汤呈红色。",
    "乌龙茶的氧化程度介于绿茶和红茶之间，香气浓郁。",
]


@pytest.fixture
def call(hub, tmp_path, repository, monkeypatch):
    """Run a recipe script as ana, in the project's folder."""
    for name, value in hub.environment("hf_ana", tmp_path / "home").items():
        monkeypatch.setenv(name, value)

    def run(script: str, options: dict[str, object]) -> subprocess.CompletedProcess:
        return subprocess.run(command(script, options), cwd=repository, capture_output=True, text=True, check=False)

    return run


def command(script: str, options: dict[str, object]) -> list[str]:
    items = {key: value if isinstance(value, list) else [value] for key, value in options.items()}
    words = [str(word) for key, value in items.items() for word in (f"--{key}", *value)]
    return [sys.executable, f"recipes/{script}.py", *words]


def summary(folder: Path) -> dict:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))


def test_segments_of_the_hub_become_candidates_there_whatever_stops_the_run(
    hub, api, call, tmp_path, repository, ending_model, open_rules
):
    tea = Dataset.from_dict({"content": SEGMENTS})
    tea.push_to_hub("ana/Segments", "tea", split="train", private=True, token="hf_ana")
    commit = api.dataset_info("ana/Segments").sha
    label = tmp_path / "label"
    options = {
        "segments": "ana/Segments",
        "subset": "tea",
        "split": "train",
        "columns": "text=content",
        "model": ending_model,
        "output_dir": label,
        "max_new_tokens": 40,
        "max_tokens": 2000,
        "temperature": 1.0,
        "rules": open_rules,
        "push_to": "ana/Candidates",
    }
    run_until_killed(command("label", options), repository, appears=label / "logs/measure/completions/00000")
    assert not (label / "stage.json").exists()
    Dataset.from_dict({"content": ["新"]}).push_to_hub("ana/Segments", "tea", split="train", token="hf_ana")

    hub.faults.add("POST", "/datasets/ana/Candidates/commit/", 403, times=1)
    refused = call("label", options)
    assert refused.returncode == 2 and "ana/Candidates: committing: the token does not allow this" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert summary(label)["pinned"] == {"segments": commit}
    rows = list(read_rows(label / "rows"))
    assert rows and {row["text"] for row in rows} <= set(SEGMENTS)
    assert not (label / "scratch").exists()

    done = call("label", options)
    assert done.returncode == 0, done.stderr
    assert f"{len(rows)} rows read back, all identical to what was sent" in done.stderr
    assert list(read_rows(label / "rows")) == rows
    loaded = load_dataset("ana/Candidates", split="own", token="hf_ana", cache_dir=str(tmp_path / "cache"))
    assert loaded["instruction"][:] == [row["instruction"] for row in rows]
    card = hub.files("ana/Candidates", "dataset")["README.md"].decode()
    assert f"[ana/Segments](https://huggingface.co/datasets/ana/Segments) at commit {commit}" in card


def test_published_candidates_are_answered_and_the_pairs_pushed(
    hub, api, call, tmp_path, in_repository, tiny_model, open_rules
):
    from kun_recipes.publishing.build import build
    from kun_recipes.publishing.hub import push
    from kun_recipes.publishing.record import read_run

    run_folder = RunFolder(tmp_path / "run", tiny_model)
    config = run_folder.config(repositories=["candidates=Candidates"])
    build(config, read_run(config), lambda line: None)
    push(run_folder.folder / "publish/candidates", "dataset", "ana/Candidates", "v1", True, api, lambda line: None)

    refine = tmp_path / "refine"
    options = {
        "candidates": "ana/Candidates@v1",
        "model": tiny_model,
        "output_dir": refine,
        "dataset_dir": tmp_path / "dataset",
        "judge_data": "recipes/demo/data/judge.jsonl",
        "filter_threshold": -100,
        "score_threshold": -100,
        "max_new_tokens": 8,
        "answers": "raw",
        "rules": open_rules,
        "push_to": "ana/Answers",
    }
    done = call("refine", options)
    assert done.returncode == 0, done.stderr
    assert summary(refine)["pinned"] == {"candidates": api.dataset_info("ana/Candidates", revision="v1").sha}
    rows = {row["id"]: row for row in read_rows(refine / "rows")}
    for given in run_folder.rows:
        row = rows[given["id"]]
        assert row["output"] == row["text"] == given["text"]
        for column in ("instruction", "source", "perplexity", "fit", "label_model", "document_id"):
            assert row[column] == given[column]
        assert row["chat_model"].startswith("tiny@")
        assert row["score_logodds"] != given["score_logodds"]
    loaded = load_dataset("ana/Answers", token="hf_ana", cache_dir=str(tmp_path / "cache"))
    assert {row["id"] for split in loaded.values() for row in split} == rows.keys()
    assert loaded["wudao"]["license"][0] == "cc-by-nc-4.0"

    uploads = len(hub.uploads())
    again = call("refine", options)
    assert again.returncode == 0 and "nothing to send" in again.stderr
    assert len(hub.uploads()) == uploads


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"push_to": "bob/Candidates"}, "the token's owner can write to ana, lab; push to one of them"),
        ({"push_to": "Candidates"}, "push_to: write owner/name, not Candidates"),
        ({"segments": "bob/Segments"}, "is neither a local folder nor a Hub dataset you can access"),
    ],
)
def test_label_says_before_any_work_what_the_hub_will_refuse(call, tmp_path, tiny_model, changes, message):
    options = {"segments": tmp_path, "model": tiny_model, "output_dir": tmp_path / "label", **changes}
    done = call("label", options)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "label").exists()
