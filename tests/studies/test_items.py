"""Items of a study on disk: written items are read back, invalid ones are named."""

import pytest

from kun_recipes.errors import UserError
from kun_recipes.studies.items import PreferenceItem, QualityItem, read_items, write_items

QUALITY = QualityItem("1", "wudao", "水为什么会结冰？", "因为冷。")


def test_items_come_back_as_written(tmp_path):
    items = [
        PreferenceItem("p", "你好", "m1", "m2", "好\u2028", "<b>好</b>"),
        PreferenceItem("q", "嗯", "m1", "m2", "", "。"),
    ]
    assert write_items(items, tmp_path / "preference.jsonl") == 2
    assert read_items(tmp_path / "preference.jsonl", PreferenceItem) == items


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": "2", "source": "wudao", "instruction": "问"}', ":2: not an item: it must have exactly id, source"),
        ('{"id": "2", "source": "wudao", "instruction": "问", "output": 3}', ":2: not an item"),
        ('{"id": "1", "source": "a", "instruction": "问", "output": "答"}', ":2: duplicate id 1"),
        ('{"id": "2"', ":2: "),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, problem):
    write_items([QUALITY], tmp_path / "quality.jsonl")
    with (tmp_path / "quality.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=problem):
        read_items(tmp_path / "quality.jsonl", QualityItem)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"quality\.jsonl: no such items file"):
        read_items(tmp_path / "quality.jsonl", QualityItem)
