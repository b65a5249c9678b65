"""Statements and headings in place of instructions."""

import json

import pytest
from datatrove.data import Document

from kun_recipes.curation.statements import IsStatement
from kun_recipes.data import schema


def verdict(instruction):
    row = Document(text="", id="1", metadata={schema.INSTRUCTION: instruction})
    return IsStatement().filter(row), row.metadata.get(schema.VALUE)


@pytest.mark.parametrize(
    ("instruction", "value"),
    [
        ("医院启用物流机器人，护士每天少走八千步。", "医院启用物流机器人,护士每天少走八千步。"),
        ("铁路部门：儿童优惠票改按年龄划分", "铁路部门:儿童优惠票改按年龄划分"),
        ("智能手表游泳模式说明。", "智能手表游泳模式说明。"),
        ("小田整理旧邮局的阁楼时发现一封1991年寄出的平信。", "小田整理旧邮局的阁楼时发现一封1991年"),
        ("电影《风从哪里来》剧组昨天在老棉纺厂开机。", "电影《风从哪里来》剧组昨天在老棉纺厂开机"),
    ],
)
def test_a_statement_is_dropped_with_its_beginning(instruction, value):
    assert verdict(instruction) == ((False, "statement"), value)


@pytest.mark.parametrize(
    "instruction",
    [
        "北京公交能否“预约”？",
        "请介绍珙桐。",
        "拟写二手房买卖合同中付款的条款。",
        "讲讲第一次养猫要知道的事。",
        "《茶馆》写了什么",
    ],
)
def test_questions_and_orders_pass(instruction):
    assert verdict(instruction) == (True, None)


def test_few_instructions_that_people_wrote_are_taken_for_statements(repository):
    data = repository / "recipes/demo/data"
    rows = [
        json.loads(line)
        for name in ("seeds", "seeds_more", "judge", "answers")
        for line in (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    filtered = [row for row in rows if row.get("judge") == "filter"]
    written = {row.get("instruction") or row["text"] for row in rows if row.get("label") != "否"}
    dropped = [one for one in written if verdict(one)[1]]
    assert len(dropped) <= 0.02 * len(written), dropped
    statements = [row["text"] for row in filtered if row["label"] == "否"]
    assert sum(verdict(one)[1] is not None for one in statements) > 0.6 * len(statements)
