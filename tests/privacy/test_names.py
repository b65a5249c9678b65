from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.privacy import MaskPrivateData, find_names, load_privacy
from kun_recipes.text.views import narrow

SETTINGS = load_privacy()
ROWS = [
    orjson.loads(line)
    for line in (Path(__file__).parents[2] / "benchmarks/rules/names.jsonl").read_bytes().splitlines()
]
TEXT = "记者李文静报道，电话13800001111。王建国说，茶叶在采摘之后要经过萎凋、揉捻、发酵和干燥等工序。"


def found(text):
    return [text[start:end] for start, end in find_names(narrow(text), SETTINGS.names)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("记者李文静从市里获悉", ["李文静"]),  # a role, and the sentence continues
        ("联系人：陈红", ["陈红"]),
        ("感谢司马俊先生", ["司马俊"]),  # a title
        ("那天，王建国说他累了", ["王建国"]),  # a verb, where a clause begins
        ("妻子林燕在家，儿子林浩在校", ["林燕", "林浩"]),
        ("张强经理和李娜女士", ["张强", "李娜"]),
        ("学生成绩按百分制，学生高中毕业", []),
        ("方法说明，金属表示，高兴地说", []),
        ("王先生和李老师来了", []),
        ("听说王国说不清", []),
        ("由公安部长批准，不得兼任公司经理", []),
        ("", []),
    ],
)
def test_names_are_found_by_their_neighbours(text, names):
    assert found(text) == names


@pytest.mark.parametrize("half", ["use", "held_out"])
def test_recall_and_precision_on_labelled_rows(half):
    rows = [row for row in ROWS if row["half"] == half]
    assert len(rows) >= 50
    right = sum(name in row["names"] for row in rows for name in found(row["text"]))
    assert right >= 0.8 * sum(len(row["names"]) for row in rows)
    assert right >= 0.9 * sum(len(found(row["text"])) for row in rows)


def test_names_are_counted_only_if_the_settings_say_so():
    counting = replace(SETTINGS, names=replace(SETTINGS.names, count=True))
    block, doc = MaskPrivateData(counting), Document(TEXT, "1")
    assert block.filter(doc) is True
    assert doc.metadata == {schema.MASKED: "mobile:1", schema.NAMES: 2}
    assert doc.text == TEXT.replace("13800001111", "[手机号]")
    assert block.stats.stats["names"].total == 2
    doc = Document(TEXT, "1")
    assert MaskPrivateData(SETTINGS).filter(doc) is True
    assert schema.NAMES not in doc.metadata


def test_null_disables_a_list():
    words = replace(SETTINGS.names, surnames=None)
    assert find_names("记者李文静说", words) == []
    words = replace(SETTINGS.names, no_names=None, role_before=None, title_after=None)
    assert find_names("记者李文静", words) == []
    assert find_names("方法说过", words) == [(0, 2)]
