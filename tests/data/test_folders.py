"""Fingerprints of files and folders: what makes two of them the same input."""

import os

import pytest

from kun_recipes.data.atomic import write_json
from kun_recipes.data.folders import fingerprint


def test_a_files_fingerprint_is_its_content_not_its_time(tmp_path):
    file = tmp_path / "a"
    file.write_text("一", encoding="utf-8")
    first = fingerprint(file)
    os.utime(file, (0, 0))
    assert fingerprint(file) == first
    file.write_text("二", encoding="utf-8")
    assert fingerprint(file) != first


def test_a_large_files_fingerprint_is_its_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr("kun_recipes.data.folders._WHOLE", 2)
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    os.utime(file, (0, 0))
    first = fingerprint(file)
    file.write_bytes(b"xyz")
    os.utime(file, (0, 0))
    assert fingerprint(file) == first
    os.utime(file, (0, 1))
    assert fingerprint(file) != first


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda folder: os.utime(folder / "a", (0, 0)), True),
        (lambda folder: (folder / "a").write_text("二"), False),
        (lambda folder: (folder / "b").write_text("三"), False),
        (lambda folder: os.replace(folder / "a", folder / "c"), False),
        (lambda folder: (folder / "sub" / "d").unlink(), False),
    ],
    ids=["time", "content", "another file", "name", "one less"],
)
def test_a_folders_fingerprint_is_that_of_its_files(tmp_path, change, same):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("一", encoding="utf-8")
    (folder / "sub" / "d").write_text("四", encoding="utf-8")
    first = fingerprint(folder)
    change(folder)
    assert (fingerprint(folder) == first) is same


@pytest.mark.parametrize(
    ("summary", "folder"), [("stage/stage.json", "stage/rows"), ("model/train_summary.json", "model")]
)
def test_fingerprint_of_a_finished_folder_ignores_times(tmp_path, summary, folder):
    (tmp_path / folder).mkdir(parents=True)
    write_json(tmp_path / summary, {"rows_kept": 3, "seconds": 1.5, "throughput": {"mfu": 0.4}})
    first = fingerprint(tmp_path / folder)
    (tmp_path / folder / "00000.jsonl").write_text("{}", encoding="utf-8")  # packed again, say: not checked
    write_json(tmp_path / summary, {"seconds": 99, "rows_kept": 3, "throughput": {"mfu": 0.3}})
    assert fingerprint(tmp_path / folder) == first
    write_json(tmp_path / summary, {"rows_kept": 4, "seconds": 1.5})
    assert fingerprint(tmp_path / folder) != first


def test_a_finished_folder_is_known_wherever_its_inputs_lay(tmp_path):
    (tmp_path / "stage" / "rows").mkdir(parents=True)
    for path in ("outputs/a", "/elsewhere/a"):
        summary = {"rows_kept": 3, "config": {"model": {"path": path, "content": "1f"}}}
        write_json(tmp_path / "stage" / "stage.json", summary)
        (tmp_path / path.strip("/").replace("/", "-")).write_text(fingerprint(tmp_path / "stage" / "rows"))
    assert (tmp_path / "outputs-a").read_text() == (tmp_path / "elsewhere-a").read_text()


def test_a_training_is_known_wherever_the_sets_lay_that_it_read(tmp_path):
    def trained(source: str, rows: int) -> str:
        write_json(tmp_path / "train_summary.json", {"mixed": [{"source": source, "rows_kept": rows}]})
        return fingerprint(tmp_path)

    assert trained("run/refine/rows", 3) == trained("/moved/refine/rows", 3) != trained("run/refine/rows", 4)
