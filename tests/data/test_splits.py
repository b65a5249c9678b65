"""Splits and files for measuring: they are read on request only, and omissions are reported."""

import json

import pytest
from datasets import Dataset, Split
from datasets.data_files import SPLIT_KEYWORDS

from kun_recipes.data.pair_sources import HubPart
from kun_recipes.data.pairs import load_pairs
from kun_recipes.data.row_sources import RowSource
from kun_recipes.data.splits import MEASURING, is_for_measuring
from kun_recipes.errors import UserError

COLUMNS = ("instruction", "output")


def test_words_are_those_of_datasets():
    assert {*SPLIT_KEYWORDS[Split.VALIDATION], *SPLIT_KEYWORDS[Split.TEST]} == MEASURING


@pytest.mark.parametrize(
    ("name", "measuring"),
    [
        ("train", False),
        ("train_sft", False),
        ("wudao", False),
        ("百度百科", False),
        ("latest", False),
        ("contest", False),
        ("developer", False),
        ("data/train-00000-of-00002.parquet", False),
        ("test", True),
        ("Test", True),
        ("test_sft", True),
        ("validation_matched", True),
        ("val2017", True),
        ("dev", True),
        ("data/test-00000-of-00001.parquet", True),
        ("eval/part-1.jsonl", True),
        ("belle.valid.json", True),
    ],
)
def test_names(name, measuring):
    assert is_for_measuring(name) == measuring


@pytest.fixture
def published(hub, monkeypatch) -> str:
    """A dataset of two configs: one with a split of each kind, one with a test split alone."""
    for name, value in {"HF_TOKEN": "hf_ana"}.items():
        monkeypatch.setenv(name, value)
    for config, splits in {"chat": ("train", "test", "validation"), "exam": ("test",)}.items():
        for split in splits:
            rows = {"instruction": [f"{config}的{split}问"], "output": ["答"]}
            Dataset.from_dict(rows).push_to_hub("ana/Pairs", config, split=split, private=True, token="hf_ana")
    return "ana/Pairs"


@pytest.mark.parametrize(
    ("subset", "split", "found"),
    [("chat", None, ["chat的train问"]), ("chat", "test", ["chat的test问"]), ("exam", "test", ["exam的test问"])],
)
def test_a_test_split_of_the_hub_is_read_only_where_it_is_named(published, capsys, subset, split, found):
    part = HubPart(subset=subset, split=split, options=("seeds_subset", "seeds_split"))
    pairs, _ = load_pairs(published, *COLUMNS, part)
    assert [pair.instruction for pair in pairs] == found
    said = (
        "skipped test (1 row), validation (1 row), which is for evaluation by its name; to read a split, set `seeds_sp"
    )
    assert (said in capsys.readouterr().err) == (split is None)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            HubPart(subset="exam"),
            r"ana/Pairs: contains only test \(1 row\), which is for evaluation by its name; to read a split, set",
        ),
        (HubPart(options=("mix.subset", "mix.split")), r"Config name is missing.* choose one with `mix.subset`"),
        (HubPart(subset="chat", split="tess"), r"choose one with `split`"),
    ],
)
def test_what_cannot_be_chosen_is_said_in_one_line(published, part, message):
    with pytest.raises(UserError, match=message) as caught:
        load_pairs(published, *COLUMNS, part)
    assert "\n" not in str(caught.value)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"instruction": text, "output": "答", "text": text}
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")


def test_test_files_of_a_folder_are_left_out(tmp_path, capsys):
    for name in ("data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl", "dev/part-1.jsonl"):
        write(tmp_path / name, name)
    pairs, _ = load_pairs(str(tmp_path), *COLUMNS)
    assert [pair.instruction for pair in pairs] == ["data/train-00000-of-00001.jsonl"]
    assert "skipped data/test-00000-of-00001.jsonl (a file), dev/part-1.jsonl (a file)" in capsys.readouterr().err
    rows = RowSource(str(tmp_path)).copy(tmp_path / "stage", None)
    assert len([*rows.iterdir()]) == 1
    assert "skipped data/test" in capsys.readouterr().err


def test_a_test_file_that_is_named_is_read_and_a_folder_of_them_refused(tmp_path):
    write(tmp_path / "test" / "test.jsonl", "问")
    assert load_pairs(str(tmp_path / "test" / "test.jsonl"), *COLUMNS)[0][0].instruction == "问"
    with pytest.raises(UserError, match=r"contains only test.jsonl \(a file\).*give its path"):
        load_pairs(str(tmp_path / "test"), *COLUMNS)


def card(folder, text):
    (folder / "README.md").write_text(f"---\n{text}\n---\n# Pairs\n", encoding="utf-8")


@pytest.mark.parametrize(
    "configs",
    [
        "configs:\n- config_name: default\n  data_files:\n  - split: wudao\n    path: data/wudao-*.jsonl\n"
        "- config_name: preference\n  data_files: preference/*.jsonl",
        "configs:\n- config_name: pairs\n  default: true\n  data_files: data/*.jsonl\n"
        "- config_name: other\n  data_files: []",
        "configs:\n- config_name: pairs\n  data_files:\n  - data/*.jsonl",
    ],
    ids=["by name", "by mark", "the only one"],
)
def test_a_folder_with_a_card_is_read_as_its_default_config(tmp_path, configs):
    for name in ("data/wudao-00000.jsonl", "preference/train-00000.jsonl"):
        write(tmp_path / name, name)
    card(tmp_path, configs)
    pairs, _ = load_pairs(str(tmp_path), *COLUMNS)
    rows = [row["instruction"] for _, _, row in RowSource(str(tmp_path)).read(None)]
    assert [pair.instruction for pair in pairs] == rows == ["data/wudao-00000.jsonl"]


@pytest.mark.parametrize("configs", ["license: cc0-1.0", "configs:\n- config_name: a\n- config_name: b"])
def test_a_folder_whose_card_names_no_default_config_is_read_whole(tmp_path, configs):
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, name)
    card(tmp_path, configs)
    assert len(load_pairs(str(tmp_path), *COLUMNS)[0]) == 2


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (
            "configs:\n- config_name: pairs\n  data_files: data/*.jsonl",
            r"declares data/\*.jsonl, but the folder has no such file",
        ),
        ("configs: [", "invalid metadata"),
    ],
)
def test_a_card_that_does_not_fit_its_folder_is_refused_in_one_line(tmp_path, configs, message):
    write(tmp_path / "a.jsonl", "问")
    card(tmp_path, configs)
    with pytest.raises(UserError, match=message) as caught:
        load_pairs(str(tmp_path), *COLUMNS)
    assert "\n" not in str(caught.value)
