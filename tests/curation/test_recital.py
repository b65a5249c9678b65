"""Instructions that recite the label prompt."""

import json

import pytest
from datatrove.data import Document

from kun_recipes.curation.recital import RecitesPrompt
from kun_recipes.data import schema


@pytest.fixture(scope="module")
def prompt(repository):
    return (repository / "recipes/prompts/label.txt").read_text(encoding="utf-8")


def verdict(block, instruction):
    row = Document(text="", id="1", metadata={schema.INSTRUCTION: instruction})
    return block.filter(row), row.metadata.get(schema.VALUE)


@pytest.mark.parametrize(
    ("instruction", "run"),
    [
        ("请直接告诉我，以下回复最有可能对应的指令是什么：", "请直接告诉我以下回复最有可能对应的指令是什么"),
        ("请直接告诉我,以下回复 最有可能对应的指令是什么?", "请直接告诉我以下回复最有可能对应的指令是什么"),
        ("以下回复最有可能对应的指令是：如何清洗空调？", "以下回复最有可能对应的指令是"),
        ("如何清洗空调？\n以下回复最有可能对应的指令是什么", "以下回复最有可能对应的指令是什么"),
        ("根据最有可能对应的指令回答。", "最有可能对应的指令"),
    ],
)
def test_recital_is_dropped_with_the_run(prompt, instruction, run):
    assert verdict(RecitesPrompt(prompt), instruction) == ((False, "recites_prompt"), run)


@pytest.mark.parametrize(
    "instruction",
    [
        "请直接告诉我答案是什么。",
        "汇编语言中跳转对应的指令是什么？",
        "客服怎样写回复最有礼貌？",
        "如何清洗空调？",
        "指令",
        "",
    ],
)
def test_instructions_of_their_own_stay(prompt, instruction):
    assert verdict(RecitesPrompt(prompt), instruction) == (True, None)


def test_every_seed_instruction_stays(repository, prompt):
    block = RecitesPrompt(prompt)
    seeds = (repository / "recipes/demo/data/seeds.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(verdict(block, json.loads(seed)["instruction"])[0] is True for seed in seeds)


def test_recited_prompt_examples_are_found():
    block = RecitesPrompt("[user]\n问题：\n[assistant]\n清明节在什么时候，人们有哪些习俗？\n[user]\n{segment}\n")
    assert verdict(block, "清明节在什么时候，人们有哪些习俗？")[0] == (False, "recites_prompt")


def test_null_keeps_all(prompt):
    assert verdict(RecitesPrompt(prompt, min_run=None), prompt) == (True, None)
