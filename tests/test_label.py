"""The label and refine stages on rows that people wrote themselves, through their scripts on the tiny model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.data.rows import check_rows, read_rows
from kun_recipes.errors import UserError
from tests.curation.stage_rows import removed_rows, rows_of
from tests.killing import run_until_killed

TEXTS = ["水在一百度沸腾。", "茶叶要用热水冲泡。" * 40]


def write(folder: Path, *rows: dict) -> Path:
    folder.mkdir()
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "own.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_rows_of_ones_own_are_labelled_and_their_tokens_counted(tmp_path, repository, tiny_model, open_rules):
    rows = [{"id": str(number), "text": text} for number, text in enumerate(TEXTS)]
    own = write(tmp_path / "own", *rows, {"id": "9", "text": "水", "tokens": 5, "source": "wudao"})
    options = {
        "segments": own,
        "output_dir": tmp_path / "label",
        "model": tiny_model,
        "max_new_tokens": 4,
        "max_tokens": 100,
        "rules": open_rules,
    }
    words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    command = [sys.executable, "recipes/label.py", *words]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured = list(read_rows(tmp_path / "label" / "measured"))
    labelled = {row["id"]: (row["source"], row["tokens"]) for row in measured if "instruction" in row}
    assert labelled == {"0": ("own", 3 * len(TEXTS[0])), "9": ("wudao", 5)}
    assert (
        json.loads((tmp_path / "label" / "stage.json").read_text(encoding="utf-8"))["removed"]["segment_length"] == 1
    )


@pytest.mark.slow
def test_workers_and_a_kill_change_no_candidate(tmp_path, repository, ending_model, open_rules):
    own = write(tmp_path / "own", *({"id": str(number), "text": text} for number, text in enumerate(TEXTS)))
    lines = (own / "own.jsonl").read_text(encoding="utf-8")
    (own / "second.jsonl").write_text(lines.replace('"id": "', '"id": "1'), encoding="utf-8")
    options = {"segments": own, "model": ending_model, "max_new_tokens": 40, "max_tokens": 2000, "rules": open_rules}
    options |= {"candidates": 3, "candidate_temperature": 1.2, "dtype": "float32"}
    words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    command = [sys.executable, "recipes/label.py", *words, "--output_dir"]

    def run(name: str, *more: str) -> dict[str, list]:
        subprocess.run([*command, str(tmp_path / name), *more], cwd=repository, capture_output=True, check=True)
        return {kind: rows_of(tmp_path / name / kind) for kind in ("measured", "rows")} | removed_rows(tmp_path / name)

    alone = run("alone")
    assert [row.get("candidate") for row in alone["measured"]] == [None, 1, 2] * 2 * len(TEXTS)
    assert run("together", "--workers", "2") == alone
    killed = tmp_path / "killed"
    run_until_killed([*command, str(killed)], repository, appears=killed / "logs/measure/completions/00000")
    assert not (killed / "stage.json").exists()
    assert run("killed") == alone


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1", "text": "水"}, "no text in column instruction; found id, text"),
        ({"id": "1", "text": "水", "instruction": None}, "no text in column instruction; found id, text, instruction"),
        ({"id": "1", "text": "水", "instruction": "\u200b"}, "no text in column instruction"),
        ({"id": "1", "instruction": "问"}, "a row needs `id` and `text`"),
        ({"id": 1, "text": "水", "instruction": "问"}, "a row needs `id` and `text`"),
    ],
)
def test_candidate_without_a_column_is_named(tmp_path, row, message):
    own = write(tmp_path / "own", {"id": "0", "text": "水", "instruction": "问"}, row)
    with pytest.raises(UserError, match=f"own.jsonl:2: .*{message}"):
        check_rows(own, ["instruction"])


def test_label_names_the_missing_column_before_it_loads_a_model(tmp_path, in_repository):
    from kun_recipes.curation.config import LabelConfig
    from kun_recipes.curation.label import run

    own = write(tmp_path / "own", {"id": "1", "title": "水"})
    with pytest.raises(UserError, match=r"own.jsonl:1: no text in column text; found id, title"):
        run(LabelConfig(segments=str(own), output_dir=str(tmp_path / "label"), model="no/model"))


def test_refine_names_the_missing_column_before_it_loads_a_model(tmp_path, in_repository):
    from kun_recipes.curation.config import RefineConfig
    from kun_recipes.curation.refine import run

    own = write(tmp_path / "own", {"id": "1", "text": "水"})
    judge_data = ["recipes/demo/data/judge.jsonl"]
    folders = {"output_dir": str(tmp_path / "refine"), "dataset_dir": str(tmp_path / "dataset")}
    with pytest.raises(UserError, match=r"own.jsonl:1: no text in column instruction; found id, text"):
        run(RefineConfig(candidates=str(own), model="no/model", judge_data=judge_data, **folders))
