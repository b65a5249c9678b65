"""Pairs in the forms of other trainers, and their entries in the files of LLaMA-Factory and ms-swift."""

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from kun_recipes.data.dataset import write_dataset
from kun_recipes.data.pairs import load_pairs
from kun_recipes.errors import UserError
from kun_recipes.publishing.export import export
from tests.data.test_dataset import write_rows

FORMS = {
    "alpaca": {"instruction": "问0？", "input": "", "output": "答0。"},
    "sharegpt": {"conversations": [{"from": "human", "value": "问0？"}, {"from": "gpt", "value": "答0。"}]},
    "messages": {"messages": [{"role": "user", "content": "问0？"}, {"role": "assistant", "content": "答0。"}]},
}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_dataset(write_rows(tmp_path / "rows", "wudao", "skypile"), tmp_path / "run" / "dataset")
    return tmp_path / "run"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("given", [".", "dataset"])
def test_each_form_has_every_pair_with_its_origin_and_loads(run_folder, form, given):
    folder, rows = export(str(run_folder / given), str(run_folder / "out"), "kun")
    assert (folder, rows) == (run_folder / "out", 2)
    written = json.loads((folder / f"kun_{form}.json").read_text(encoding="utf-8"))
    assert {row["source"]: row for row in written}["wudao"] == {**FORMS[form], "id": "0-0", "source": "wudao"}
    loaded = load_dataset("json", data_files=str(folder / f"kun_{form}.json"), split="train")
    assert loaded.to_list() == written


@pytest.mark.parametrize("form", FORMS)
def test_export_is_read_back_as_seeds(run_folder, form):
    folder, _ = export(str(run_folder), str(run_folder / "export"), "kun")
    pairs, removed = load_pairs(str(folder / f"kun_{form}.json"), "instruction", "output")
    assert ({(pair.instruction, pair.output, pair.id) for pair in pairs}, removed) == (
        {("问0？", "答0。", "0-0"), ("问1？", "答1。", "0-1")},
        [],
    )


def test_reported_columns_are_those_of_the_files(run_folder):
    folder, _ = export(str(run_folder), str(run_folder / "export"), "own")
    told = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    for entry in told.values():
        row = json.loads((folder / entry["file_name"]).read_text(encoding="utf-8"))[0]
        assert set(entry["columns"].values()) <= row.keys()
        if entry.get("formatting") == "sharegpt":
            tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
            tags |= entry.get("tags", {})
            first, second = row[entry["columns"]["messages"]]
            assert first.keys() == {tags["role_tag"], tags["content_tag"]}
            assert (first[tags["role_tag"]], second[tags["role_tag"]]) == (tags["user_tag"], tags["assistant_tag"])
    swift = json.loads((folder / "swift_dataset_info.json").read_text(encoding="utf-8"))
    assert [entry["dataset_name"] for entry in swift] == [*told] == ["own_alpaca", "own_sharegpt", "own_messages"]
    assert [entry["dataset_path"] for entry in swift] == [entry["file_name"] for entry in told.values()]


def test_own_export_is_replaced_and_foreign_folder_is_kept(run_folder):
    first, _ = export(str(run_folder), str(run_folder / "export"), "a")
    second, _ = export(str(run_folder), str(run_folder / "export"), "b")
    assert first == second and not list(second.glob("a_*"))
    (second / "notes.txt").touch()
    with pytest.raises(UserError, match=r"contains notes.txt, not written with the dataset; move it"):
        export(str(run_folder), str(run_folder / "export"), "b")


def test_sources_without_pairs(tmp_path):
    with pytest.raises(UserError, match="no dataset found; set the folder of a finished run"):
        export(str(tmp_path), str(tmp_path / "export"), "kun")
    write_dataset(write_rows(tmp_path / "rows", "wudao", output=None), tmp_path / "dataset")
    with pytest.raises(UserError, match="split wudao: a row has no output; only pairs can be exported"):
        export(str(tmp_path), str(tmp_path / "export"), "kun")
    assert not (tmp_path / "export").exists()
