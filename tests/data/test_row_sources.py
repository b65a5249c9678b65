"""Rows that no stage wrote: from Parquet, JSON lines and a Hub on loopback, under the names of the row contract."""

import gzip
from pathlib import Path

import orjson
import pyarrow
import pytest
from datasets import Dataset
from huggingface_hub import HfApi
from pyarrow import parquet

from kun_recipes.data import schema
from kun_recipes.data.folders import discard
from kun_recipes.data.row_sources import ROWS_PER_SHARD, RowSource
from kun_recipes.data.rows import list_shards, read_rows, row_writer
from kun_recipes.errors import UserError

TEXTS = ["水在一百度沸腾。", "茶叶要用热水冲泡。"]


def lines(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def table(path: Path, *rows: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    return path


def copied(source: RowSource, stage: Path, known: str | None = None) -> list[dict]:
    source.check()
    return list(read_rows(source.copy(stage, source.pin(known))))


def texts(rows: list[dict]) -> list[str]:
    return [row["text"] for row in rows]


def packed(path: Path, *rows: object) -> Path:
    plain = lines(path.with_suffix(""), *rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return path


@pytest.mark.parametrize("write", [lines, table, packed])
@pytest.mark.parametrize("whole", [False, True], ids=["file", "folder"])
def test_local_rows_are_read_by_the_names_of_their_columns(tmp_path, write, whole):
    name = {lines: "a.jsonl", table: "a.parquet", packed: "a.jsonl.gz"}[write]
    file = write(tmp_path / "own" / name, *({"content": text, "n": number} for number, text in enumerate(TEXTS)))
    rows = copied(RowSource(str(file.parent if whole else file), columns={"text": "content"}), tmp_path / "stage")
    assert [(row["text"], row["n"]) for row in rows] == [*zip(TEXTS, range(2), strict=True)]
    assert all(len(row["id"]) == 24 and "content" not in row for row in rows)


def test_existing_ids_are_kept_and_new_ones_ignore_the_folders_path(tmp_path):
    rows = [{"id": given, "text": TEXTS[0]} for given in (7, "b", None, None)]
    found = [copied(RowSource(str(lines(tmp_path / name / "a.jsonl", *rows))), tmp_path / name) for name in "xy"]
    assert found[0] == found[1]
    ids = [row["id"] for row in found[0]]
    assert ids[:2] == ["7", "b"] and len(set(ids)) == 4


def test_shards_never_hold_rows_of_two_files(tmp_path):
    rows = [{"text": f"{TEXTS[0]}{number}"} for number in range(ROWS_PER_SHARD + 1)]
    lines(tmp_path / "own/a.jsonl", *rows)
    lines(tmp_path / "own/b.jsonl", *rows)
    folder = RowSource(str(tmp_path / "own")).copy(tmp_path / "stage", None)
    assert list_shards(folder) == [f"{number:05d}.jsonl.zst" for number in range(4)]
    assert texts(list(read_rows(folder))) == [row["text"] for row in rows] * 2


def test_columns_of_the_stage_itself_and_nulls_are_left_out_and_the_former_named(tmp_path, capsys):
    row = {"text": TEXTS[0], "instruction": "问", "fit": 1.0, "masked": None, "title": "茶"}
    file = lines(tmp_path / "a.jsonl", {"text": TEXTS[1]}, row)
    rows = copied(RowSource(str(file), left_out=schema.LABELLED), tmp_path / "stage")
    assert [sorted(row) for row in rows] == [["id", "text"], ["id", "text", "title"]]
    assert "ignored the columns instruction, fit; this stage writes its own" in capsys.readouterr().err


def test_answers_can_be_the_text_that_is_labelled(tmp_path):
    file = lines(tmp_path / "a.jsonl", {"instruction": "问", "output": TEXTS[0]})
    source = RowSource(str(file), columns={"text": "output"}, left_out=schema.LABELLED)
    assert texts(copied(source, tmp_path / "stage")) == TEXTS[:1]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"id": "1", "title": "水"}], {}, "a.jsonl:1: no text in column text; found id, title"),
        ([{"text": "水"}, {"text": " "}], {}, "a.jsonl:2: no text in column text"),
        ([{"text": "水"}], {"needed": ["instruction"]}, "a.jsonl:1: no text in column instruction; found text, id"),
        (
            [{"text": "水"}],
            {"columns": {"text": "content"}},
            "a.jsonl:1: no column content, which `columns` maps to text; found text",
        ),
        ([{"text": "水", "id": "x"}, {"text": "茶", "id": "x"}], {}, "a.jsonl:2: duplicate id x, first at"),
        ([{"text": "水", "source": ["a"]}], {}, "a.jsonl:1: the source must be text or a number"),
        ([["水"]], {}, "a.jsonl:1: not a row: a row is a JSON object"),
        ([], {}, "a.jsonl: contains no rows"),
        ([{"text": "水"}], {"split": "train"}, "not a Hub dataset, so train has no effect"),
    ],
)
def test_row_that_cannot_be_read_is_named_and_nothing_is_left(tmp_path, rows, options, message):
    file = lines(tmp_path / "a.jsonl", *rows)
    with pytest.raises(UserError) as caught:
        copied(RowSource(str(file), **options), tmp_path / "stage")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"text": "\xff"}\n', "a.jsonl:1: invalid start byte"), (b"{broken\n", "correct the line, or remove it")],
)
def test_damaged_line_is_named(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=message):
        copied(RowSource(str(tmp_path / "a.jsonl")), tmp_path / "stage")


def test_file_that_is_not_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"a\.parquet: cannot be read as Parquet"):
        copied(RowSource(str(tmp_path / "a.parquet")), tmp_path / "stage")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/a.parquet", "no such file"),
        ("hf://datasets/ana/Segs/data/a.parquet", "write a Hub dataset as owner/name or owner/name@revision"),
        ("s3://bucket/rows", "write a Hub dataset as"),
    ],
)
def test_invalid_path_is_refused(path, message):
    with pytest.raises(UserError, match=message):
        RowSource(path).check()


def test_rows_of_a_stage_are_read_where_they_lie_and_its_folder_is_refused(tmp_path):
    from datatrove.data import Document

    with row_writer(tmp_path / "rows") as writer:
        writer.write(Document(TEXTS[0], "1"), 0)
    assert RowSource(str(tmp_path / "rows")).is_stage
    assert not RowSource(str(tmp_path / "rows"), columns={"text": "text"}).is_stage
    assert RowSource(str(tmp_path / "not_there/rows")).is_stage
    (tmp_path / "stage.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"is the folder of a stage; give its rows instead: .*/rows"):
        RowSource(str(tmp_path)).check()


@pytest.fixture
def mine(hub, monkeypatch) -> HfApi:
    """Two configs of a private dataset of ana's, who asks."""
    monkeypatch.setenv("HF_TOKEN", "hf_ana")
    for config, split in (("one", "train"), ("two", "test")):
        rows = Dataset.from_dict({"content": [f"{config}：{text}" for text in TEXTS], "n": [1, 2]})
        rows.push_to_hub("ana/Segs", config, split=split, private=True)
    return HfApi(endpoint=hub.url, token="hf_ana")


CONTENT = {"text": "content"}


def test_config_and_split_of_a_hub_dataset_are_read(mine, tmp_path, capsys):
    commit = mine.dataset_info("ana/Segs").sha
    source = RowSource("ana/Segs", subset="one", columns=CONTENT)
    assert source.pin(None) == commit
    assert texts(copied(source, tmp_path)) == [f"one：{text}" for text in TEXTS]
    assert f"ana/Segs: commit {commit}; rows: train 2" in capsys.readouterr().err
    addressed = RowSource(f"hf://datasets/ana/Segs@{commit}", subset="two", split="test", columns=CONTENT)
    assert texts(copied(addressed, tmp_path)) == [f"two：{text}" for text in TEXTS]


def test_a_pinned_commit_is_read_after_main_moved(mine, tmp_path, hub):
    source = RowSource("ana/Segs@main", subset="one", columns=CONTENT)
    known = source.pin(None)
    Dataset.from_dict({"content": ["新"]}).push_to_hub("ana/Segs", "one", split="train")
    asked = hub.count("GET", "/api/datasets/ana/Segs/revision/main")
    assert source.pin(known) == known != source.pin(None)
    assert hub.count("GET", "/api/datasets/ana/Segs/revision/main") == asked + 1
    assert texts(copied(source, tmp_path / "then", known)) == [f"one：{text}" for text in TEXTS]
    assert texts(copied(source, tmp_path / "now")) == ["新"]


@pytest.mark.parametrize(
    ("token", "path", "options", "message"),
    [
        ("hf_ana", "ana/Nope", {}, "ana/Nope: is neither a local folder nor a Hub dataset you can access"),
        ("hf_bob", "ana/Segs", {}, "a private one needs `hf auth login`"),
        (None, "ana/Segs", {}, "a private one needs `hf auth login`"),
        ("hf_ana", "ana/Segs@v9", {}, "ana/Segs@v9: has no revision v9 on the Hub"),
        ("hf_ana", "ana/Segs", {}, "available configs: ['one', 'two']; choose one with `subset`"),
        ("hf_ana", "ana/Segs", {"subset": "six"}, "Available: ['one', 'two']; choose one with `subset`"),
        ("hf_ana", "ana/Segs", {"subset": "one", "split": "tess"}, "one of ['train'].; choose one with `split`"),
        ("hf_ana", "ana/Segs", {"subset": "one"}, "ana/Segs/train:1: no text in column text; found content, n"),
    ],
)
def test_missing_hub_content_is_reported_in_one_line(mine, tmp_path, monkeypatch, token, path, options, message):
    monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError) as caught:
        copied(RowSource(path, **options), tmp_path / "stage")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "stage").exists()


@pytest.mark.parametrize("what", [503, 429, "drop"], ids=str)
@pytest.mark.parametrize(("method", "path"), [("GET", "/revision/"), ("HEAD", "/resolve/"), ("GET", "/lfs/")])
def test_a_failure_on_the_way_is_waited_out(mine, hub, tmp_path, method, path, what):
    fault = hub.faults.add(method, path, what, times=1)
    rows = copied(RowSource("ana/Segs", subset="one", columns=CONTENT), tmp_path)
    assert texts(rows) == [f"one：{text}" for text in TEXTS]
    assert fault not in hub.faults.waiting, "the fault was not met"


def test_a_stage_killed_while_it_copied_can_be_begun_afresh(tmp_path):
    source = RowSource(str(lines(tmp_path / "a.jsonl", {"text": TEXTS[0]})))
    (source.copy(tmp_path / "stage", None)).rename(tmp_path / "stage/scratch/input-0.partial")
    discard(tmp_path / "stage")
    assert not (tmp_path / "stage").exists()
