"""Rows whose instruction nearly repeats an earlier one's: which are, and that they are counted."""

from pathlib import Path

import pytest
from datatrove.data import Document

from kun_recipes.curation.near_instructions import REASON, find_near_instructions, unique_instructions
from kun_recipes.data import schema
from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.execution.launch import run_pipeline
from tests.curation.stage_rows import ids, rows_of

PAIRS = [
    ("请介绍京杭大运河的走向。", "介绍京杭大运河的走向？", True),
    ("水为什么会结冰", "水为什么会结冰呢？", True),
    ("简述汉武帝派张骞出使西域的历史事件。", "请简述汉武帝派张骞出使西域的历史事件", True),
    ("简述汉武帝派张骞出使西域的历史事件。", "简述汉武帝派张骞出使西域的历史意义和影响", False),
    ("介绍大豆的根瘤菌。", "介绍花生的根瘤菌。", False),
    ("介绍李白的生平。", "介绍杜甫的生平。", False),
    ("写一首关于春天的诗。", "写一则关于春天的通知。", False),
    ("茶", "茶", False),  # fewer letters than a pair
]


def write(folder: Path, *shards: list[str]) -> Path:
    """Rows with these instructions and segments of their own; a shard without rows has no file."""
    number = 0
    with row_writer(folder) as writer:
        for rank, instructions in enumerate(shards):
            for instruction in instructions:
                text = f"第{number}段的正文各不相同。"
                writer.write(Document(text, str(number), metadata={schema.INSTRUCTION: instruction}), rank)
                number += 1
    return folder


def kept(tmp_path: Path, *shards: list[str]) -> list[str]:
    rows, tasks = write(tmp_path / "rows", *shards), len(shards)
    found = find_near_instructions(rows, tasks, tmp_path / "near")
    pipeline = unique_instructions(rows, found, tmp_path / "kept", removed_writers(tmp_path / "removed"))
    counts = run_pipeline(pipeline, tmp_path / "logs", tasks)
    counts.check("unique")
    removed = rows_of(tmp_path / "removed" / "01_near_instructions")
    assert counts.removed[REASON] == len(removed)
    assert all(row["reason"] == REASON and row["value"] in ids(rows_of(tmp_path / "kept")) for row in removed)
    return ids(rows_of(tmp_path / "kept"))


@pytest.mark.parametrize(("first", "second", "near"), PAIRS)
def test_which_instructions_are_near_duplicates(tmp_path, first, second, near):
    assert kept(tmp_path, [first, second]) == (["0"] if near else ["0", "1"])


def test_the_first_in_reading_order_stays_whatever_the_shards(tmp_path):
    every = [
        "怎样种茶？",
        "请介绍京杭大运河的走向。",
        "介绍京杭大运河的走向",
        "水为什么会结冰",
        "京杭大运河的走向，介绍。",
    ]
    alone = kept(tmp_path / "one", every)
    assert alone[:2] == ["0", "1"] and "2" not in alone
    assert kept(tmp_path / "four", every[:2], [], every[2:4], every[4:]) == alone


def test_segments_do_not_count(tmp_path):
    instructions = ["怎样种茶？", "水为什么会结冰", "介绍李白"]
    with row_writer(tmp_path / "rows") as writer:
        for number, one in enumerate(instructions):
            writer.write(Document("三行都是同一段正文。", str(number), metadata={schema.INSTRUCTION: one}), 0)
    assert not [*find_near_instructions(tmp_path / "rows", 1, tmp_path / "near").glob("*/*")]


def test_no_row_at_all(tmp_path):
    assert kept(tmp_path, []) == []


def test_what_an_earlier_look_found_is_forgotten(tmp_path):
    stale = tmp_path / "near/found/00000/near.drop"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"\0" * 28)
    assert kept(tmp_path, ["怎样种茶？"]) == ["0"]
