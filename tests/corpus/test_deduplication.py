import json

import pytest
from datatrove.data import Document
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.corpus.deduplication import AssignShard, ExactDuplicateFilter


def documents(*texts: str) -> list[Document]:
    return [Document(text, id=f"id{number}") for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("今天下雨。", "今天下雨。", True),
        ("今天下雨。\n路滑。", " 今天 下雨。\u3000路滑。\n", True),
        ("共ＡＢＣ１２３项！", "共ABC123项!", True),
        ("今天下雨。", "今天下雪。", False),
        ("今天下雨。", "今天下雨", False),
        ("AB", "ab", False),
    ],
)
def test_same_text(first, second, same):
    kept = list(ExactDuplicateFilter().run(documents(first, second)))
    assert [document.id for document in kept] == (["id0"] if same else ["id0", "id1"])


def test_duplicates_name_the_copy_that_was_kept(tmp_path):
    duplicates = ExactDuplicateFilter(JsonlWriter(str(tmp_path), compression=None))
    kept = list(duplicates.run(documents("甲", "乙", " 甲", "乙", "丙", "甲")))
    assert [document.text for document in kept] == ["甲", "乙", "丙"]
    rows = [json.loads(row) for row in (tmp_path / "00000.jsonl").open(encoding="utf-8")]
    assert [(row["id"], row["metadata"]["filter_reason"], row["metadata"]["value"]) for row in rows] == [
        ("id2", "duplicate", "id0"),
        ("id3", "duplicate", "id1"),
        ("id5", "duplicate", "id0"),
    ]
    assert duplicates.stats["dropped_duplicate"].total == 3


def test_a_row_that_comes_twice_is_a_duplicate_and_a_second_run_starts_afresh():
    duplicates, [row] = ExactDuplicateFilter(), documents("甲")
    assert list(duplicates.run([row, row])) == [row]
    assert list(duplicates.run([row])) == [row]


def test_shards_are_numbered_by_row():
    rows = list(AssignShard(rows_per_shard=2).run(documents(*"甲乙丙丁戊")))
    assert [row.metadata["shard"] for row in rows] == ["00000", "00000", "00001", "00001", "00002"]


@pytest.mark.parametrize("step", [ExactDuplicateFilter(), AssignShard(10)])
def test_one_task_only(step):
    with pytest.raises(ValueError, match="must run as one task, not 2"):
        step.run(documents("甲"), rank=0, world_size=2)
