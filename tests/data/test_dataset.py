"""The finished pairs as a dataset: what `load_dataset` finds in the folder."""

from pathlib import Path

import pytest
from datasets import load_dataset
from datatrove.data import Document

from kun_recipes.data import parquet
from kun_recipes.data.dataset import write_dataset
from kun_recipes.data.rows import row_writer
from kun_recipes.errors import UserError

LINEAGE = {
    "document_id": "17",
    "title": "水",
    "span_start": 0,
    "span_end": 8,
    "tokens": 6,
    "masked": "mobile:1",
    "instruction_tokens": 4,
    "instruction_logprob": -0.5,
    "instruction_prior_logprob": -1.5,
    "perplexity": 1.6487,
    "fit": 1.0,
    "filter_logodds": 2.0,
    "filter_logodds_calibrated": 1.0,
    "filter_probability": 0.88,
    "score_logodds": 0.5,
    "score_logodds_calibrated": 0.25,
    "score_probability": 0.62,
    "answer_logodds": 1.5,
    "answer_logodds_calibrated": 1.25,
    "answer_probability": 0.75,
    "support": 1.25,
    "missing_details": ["2019年"],
    "raw_output": "答0。以上仅供参考。",
    "output_tokens": 5,
    "output_logprob": -0.25,
    "label_model": "label@1",
    "label_prompt": "f1",
    "chat_model": "chat@2",
    "polish_prompt": "f2",
}


def write_rows(folder: Path, *sources: str, rank: int = 0, **changes: object) -> Path:
    """A shard of finished rows, one per source, as the refine stage leaves them."""
    with row_writer(folder) as writer:
        for number, source in enumerate(sources):
            metadata = {
                "instruction": f"问{number}？",
                "output": f"答{number}。",
                "source": source,
                **LINEAGE,
                "file_path": "/home/someone/corpus.jsonl",
                "output_finish_reason": "stop",
                **changes,
            }
            writer.write(Document(text=f"段落{number}", id=f"{rank}-{number}", metadata=metadata), rank)
    return folder


def load(folder: Path):
    return load_dataset(str(folder), cache_dir=str(folder.parent / "cache"))


def test_the_pair_and_its_source_come_first_then_the_lineage(tmp_path):
    rows = write_rows(tmp_path / "rows", "wudao")
    assert write_dataset(rows, tmp_path / "dataset") == {"wudao": 1}
    loaded = load(tmp_path / "dataset")["wudao"]
    assert loaded.column_names == ["instruction", "output", "source", "id", "segment", *LINEAGE]
    assert loaded[0] == {
        "instruction": "问0？",
        "output": "答0。",
        "source": "wudao",
        "id": "0-0",
        "segment": "段落0",
        **LINEAGE,
    }


def test_each_source_is_a_split_in_the_order_of_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 2)
    rows = write_rows(tmp_path / "rows", "wudao", "skypile", "wudao", "wudao", "my_own")
    write_rows(rows, "skypile", "wudao", rank=1)
    assert write_dataset(rows, tmp_path / "dataset") == {"my_own": 1, "skypile": 2, "wudao": 4}
    loaded = load(tmp_path / "dataset")
    assert {name: split["id"] for name, split in loaded.items()} == {
        "my_own": ["0-4"],
        "skypile": ["0-1", "1-0"],
        "wudao": ["0-0", "0-2", "0-3", "1-1"],
    }
    files = sorted(path.name for path in (tmp_path / "dataset" / "data").iterdir())
    assert files == [f"{name}-00000-of-00001.parquet" for name in ("my_own", "skypile", "wudao")]


def test_a_large_split_has_several_shards_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(parquet, "SHARD_BYTES", 1)
    rows = write_rows(tmp_path / "rows", *["wudao"] * 5, "skypile")
    assert write_dataset(rows, tmp_path / "dataset") == {"skypile": 1, "wudao": 5}
    files = sorted(path.name for path in (tmp_path / "dataset" / "data").iterdir())
    assert files == ["skypile-00000-of-00001.parquet", *(f"wudao-0000{part}-of-00003.parquet" for part in range(3))]
    assert load(tmp_path / "dataset")["wudao"]["id"] == [f"0-{number}" for number in range(5)]


def test_the_same_rows_make_the_same_bytes(tmp_path):
    rows = write_rows(tmp_path / "rows", "wudao", "skypile")
    write_dataset(rows, tmp_path / "one")
    write_dataset(rows, tmp_path / "two")
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "data").iterdir()} for name in ("one", "two")
    )
    assert one == two


def test_a_column_without_values_keeps_its_type(tmp_path):
    rows = write_rows(tmp_path / "rows", "wudao", title=None)
    write_rows(rows, "skypile", rank=1)
    write_dataset(rows, tmp_path / "dataset")
    loaded = load(tmp_path / "dataset")
    assert loaded["wudao"][0]["title"] is None
    assert loaded["wudao"].features == loaded["skypile"].features


def test_raw_answers_lack_only_the_columns_of_a_generated_answer(tmp_path):
    absent = ("output_tokens", "output_logprob", "polish_prompt")
    with row_writer(tmp_path / "rows") as writer:
        lineage = {name: value for name, value in LINEAGE.items() if name not in absent}
        metadata = {"instruction": "问？", "output": "段落", "source": "wudao", **lineage}
        writer.write(Document(text="段落", id="0", metadata=metadata), 0)
    write_dataset(tmp_path / "rows", tmp_path / "raw")
    write_dataset(write_rows(tmp_path / "polished_rows", "wudao"), tmp_path / "polished")
    raw, polished = (load(tmp_path / name)["wudao"] for name in ("raw", "polished"))
    assert raw.features == polished.features
    assert {name for name, value in raw[0].items() if value is None} == set(absent)
    assert raw[0]["output"] == raw[0]["segment"]


def test_value_of_another_type_is_an_error(tmp_path):
    rows = write_rows(tmp_path / "rows", "wudao", perplexity="high")
    with pytest.raises(ValueError, match="high"):
        write_dataset(rows, tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("name", ["dataset", "dataset/", "./dataset"])
def test_an_earlier_dataset_is_replaced_whole(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_dataset(write_rows(tmp_path / "first", "wudao", "skypile"), name)
    (tmp_path / "dataset.partial").mkdir()  # of a run that was killed
    (tmp_path / "dataset.partial" / "junk").touch()
    assert write_dataset(write_rows(tmp_path / "second", "wanjuan"), name) == {"wanjuan": 1}
    assert [path.name for path in (tmp_path / "dataset").rglob("*.parquet")] == ["wanjuan-00000-of-00001.parquet"]
    assert not (tmp_path / "dataset.partial").exists()
    assert not (tmp_path / "dataset" / "junk").exists()


def test_a_dataset_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
    rows = write_rows(tmp_path / "rows", "wudao")
    write_dataset(rows, tmp_path / "dataset")
    (rows / "00001.jsonl.zst").write_bytes(b"oops")
    with pytest.raises(UserError, match=r"00001\.jsonl\.zst:1: not a row of a finished stage"):
        write_dataset(rows, tmp_path / "dataset")
    assert load(tmp_path / "dataset")["wudao"].num_rows == 1


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir], ids=["no folder", "no shard"])
def test_no_row_left_is_a_user_error(tmp_path, make):
    make(tmp_path / "rows")
    with pytest.raises(UserError) as caught:
        write_dataset(tmp_path / "rows", tmp_path / "dataset")
    assert str(caught.value) == (
        f"{tmp_path}/rows: no rows left; "
        f"see {tmp_path}/removed for the reasons, and loosen filters that are too strict"
    )
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("theirs", ["data/train-00000-of-00001.parquet", ".git/config"])
def test_foreign_folder_is_refused(tmp_path, theirs):
    rows = write_rows(tmp_path / "rows", "wudao")
    folder = tmp_path / "dataset"
    if theirs.startswith(".git"):
        write_dataset(rows, folder)
    (folder / theirs).parent.mkdir(parents=True)
    (folder / theirs).write_text("theirs")
    with pytest.raises(UserError, match="remove it yourself"):
        write_dataset(rows, folder)
    assert (folder / theirs).read_text() == "theirs"


@pytest.mark.parametrize("name", ["notes.md", "data/mine.parquet", ".hidden/x"])
def test_foreign_files_next_to_a_dataset_are_kept(tmp_path, name):
    folder, rows = tmp_path / "dataset", write_rows(tmp_path / "rows", "wudao")
    write_dataset(rows, folder)
    write_dataset(rows, folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=f"contains {name}, not written with the dataset"):
        write_dataset(rows, folder)
    assert (folder / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("mark", ["", "[]", '{"rows": {"wudao": 1}}'])
def test_folder_with_an_unreadable_mark_is_kept(tmp_path, mark):
    folder, rows = tmp_path / "dataset", write_rows(tmp_path / "rows", "wudao")
    write_dataset(rows, folder)
    (folder / ".written.json").write_text(mark, encoding="utf-8")
    with pytest.raises(UserError, match=r"contains data/wudao-00000-of-00001.parquet, not written"):
        write_dataset(rows, folder)
