"""Prompt files: the chat that they describe, and what is wrong with one that describes none."""

import re
from pathlib import Path

import pytest

from kun_recipes.curation.judge_data import load_judge_items
from kun_recipes.errors import UserError
from kun_recipes.models.prompts import PromptTemplate, load_prompt
from kun_recipes.statistics import topic_asking
from kun_recipes.studies import rubric

FEW_SHOT = """\
[system]
只回答“是”或“否”。

[user]
输入：什么是{水}？
[assistant]
是
[user]
输入：{instruction}

  （第二行）
"""


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "prompt.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_examples_are_earlier_turns_and_the_fields_are_in_the_last(tmp_path):
    prompt = load_prompt(write(tmp_path, FEW_SHOT), {"instruction"})
    assert prompt.turns == (
        ("system", "只回答“是”或“否”。"),
        ("user", "输入：什么是{水}？"),
        ("assistant", "是"),
    )
    assert prompt.question == "输入：{instruction}\n\n  （第二行）"
    assert prompt.fields == {"instruction"}
    assert prompt.render(instruction="天为什么蓝？") == [
        {"role": "system", "content": "只回答“是”或“否”。"},
        {"role": "user", "content": "输入：什么是{水}？"},  # braces of an example are no field
        {"role": "assistant", "content": "是"},
        {"role": "user", "content": "输入：天为什么蓝？\n\n  （第二行）"},
    ]
    assert prompt.system() == [{"role": "system", "content": "只回答“是”或“否”。"}]
    assert prompt.examples() == prompt.render(instruction="")[:-1]
    assert prompt.ask(instruction="甲") == "输入：甲\n\n  （第二行）"


@pytest.mark.parametrize(
    "value", ["{output}", "{instruction}", "{0}", "{", "}}", r"\1\g<0>", "%s $x", "", "[assistant]\n是"]
)
def test_value_is_inserted_unchanged(tmp_path, value):
    prompt = load_prompt(write(tmp_path, "[user]\n{output}\n\n请回答：{instruction}\n"), {"instruction", "output"})
    assert prompt.render(instruction=value, output="段落")[0]["content"] == f"段落\n\n请回答：{value}"
    assert prompt.render(instruction="问", output=value) == [{"role": "user", "content": f"{value}\n\n请回答：问"}]


def test_braces_without_a_field_name_are_text(tmp_path):
    prompt = load_prompt(write(tmp_path, '[user]\n{} { 空 } {"键": 1} {output}\n'), {"output"})
    assert prompt.ask(output="水") == '{} { 空 } {"键": 1} 水'


def test_a_field_may_occur_twice(tmp_path):
    prompt = load_prompt(write(tmp_path, "[user]\n{output}？{output}\n"), {"output"})
    assert prompt.ask(output="水") == "水？水"


def test_a_missing_value_is_an_error(tmp_path):
    prompt = load_prompt(write(tmp_path, "[user]\n{output}\n"), {"output"})
    with pytest.raises(KeyError, match="output"):
        prompt.render(instruction="问")


BROKEN = {
    "empty": ("", "PROMPT: no [user] turn"),
    "text before the first role": (
        "\n\n请判断\n[user]\n{output}",
        "PROMPT:3: text before the first [system], [user] or [assistant] line",
    ),
    "a role in the line": ("[user] {output}", "PROMPT:1: text before the first [system], [user] or [assistant] line"),
    "no such role": ("[human]\n{output}", "PROMPT:1: text before the first [system], [user] or [assistant] line"),
    "the last turn is the model's": (
        "[user]\n{output}\n[assistant]\n好",
        "PROMPT: the last turn must be [user], not [assistant]",
    ),
    "no field": ("[user]\n请回答", "PROMPT: the last turn must contain the fields {output}; it contains none"),
    "another field": (
        "[user]\n{answer}",
        "PROMPT: the last turn must contain the fields {output}; it contains {answer}",
    ),
    "a field too many": (
        "[user]\n{output}{title}",
        "PROMPT: the last turn must contain the fields {output}; it contains {output}, {title}",
    ),
    "the field in an example only": (
        "[user]\n{output}\n[assistant]\n好\n[user]\n那么？",
        "PROMPT: the last turn must contain the fields {output}; it contains none",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_prompt_file_is_a_user_error(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        load_prompt(path, {"output"})
    assert str(caught.value).replace(str(path), "PROMPT") == message


def test_prompt_that_is_not_utf_8_is_a_user_error(tmp_path):
    path = write(tmp_path, b"[user]\n\xff{output}")
    with pytest.raises(UserError, match=rf"^{path}: is not UTF-8 text \(.* at byte 7\)$"):
        load_prompt(path, {"output"})


def test_all_wanted_fields_are_named(tmp_path):
    with pytest.raises(
        UserError, match=r"must contain the fields \{instruction\}, \{output\}; it contains \{output\}$"
    ):
        load_prompt(write(tmp_path, "[user]\n{output}"), {"output", "instruction"})


def test_missing_prompt_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no such prompt file"):
        load_prompt(tmp_path, {"output"})


def test_the_fingerprint_is_that_of_the_text(tmp_path):
    first = load_prompt(write(tmp_path, "[user]\n{output}"), {"output"})
    assert len(first.fingerprint) == 16
    assert load_prompt(write(tmp_path, "[user]\n{output}"), {"output"}) == first
    changed = load_prompt(write(tmp_path, "[user]\n{output}？"), {"output"})
    assert changed.fingerprint != first.fingerprint


FIELDS = {
    "label": {"segment"},
    "filter": {"instruction"},
    "score": {"instruction"},
    "score_pair": {"instruction", "output"},
    "answer_judge": {"segment", "instruction", "output"},
    "polish": {"instruction", "segment"},
    "answer": {"instruction"},
    "topic": topic_asking.FIELDS,
    "criterion": rubric.CRITERION_FIELDS,
    "grade": rubric.GRADE_FIELDS,
    "compare": rubric.COMPARE_FIELDS,
}


def shipped(repository: Path, name: str) -> PromptTemplate:
    return load_prompt(repository / "recipes" / "prompts" / f"{name}.txt", FIELDS[name])


def test_every_shipped_prompt_is_known_and_loads(repository):
    assert {path.stem for path in (repository / "recipes" / "prompts").glob("*.txt")} == set(FIELDS)
    for name, fields in FIELDS.items():
        assert shipped(repository, name).fields == fields


def test_the_judge_of_pairs_has_examples_of_its_own(repository):
    """Both verdicts on one instruction among them, and none that it is measured on."""
    prompt = shipped(repository, "score_pair")
    pairs = prompt.examples()[1:]
    assert [turn["content"] for turn in pairs[1::2]] == list("好差差好差差好")
    shown = [re.fullmatch(r"指令：(.+)\n回答：(.+)", turn["content"]) for turn in pairs[::2]]
    assert prompt.ask(instruction="问", output="答") == "指令：问\n回答：答"
    instructions = [match[1] for match in shown]
    assert len(set(instructions)) < len(instructions)
    items = load_judge_items(repository / "recipes/humpback/data/judge_pairs.jsonl", pairs=True)
    assert not set(instructions) & {item.text for item in items}


@pytest.mark.parametrize(
    ("name", "answers"), [("filter", ["是", "是", "否", "是", "是", "否", "是"]), ("score", list("好差差差差好差"))]
)
def test_the_judges_have_the_papers_seven_examples(repository, name, answers):
    prompt = shipped(repository, name)
    assert len(prompt.system()) == 1
    pairs = prompt.examples()[1:]
    assert [turn["role"] for turn in pairs] == ["user", "assistant"] * 7
    assert [turn["content"] for turn in pairs[1::2]] == answers
    before, after = prompt.question.split("{instruction}")
    assert after == ""
    assert all(turn["content"].startswith(before) for turn in pairs[::2])


def test_label_and_polish_are_the_released_prompts(repository):
    assert shipped(repository, "label").render(segment="段落") == [
        {"role": "user", "content": "请直接告诉我，以下回复最有可能对应的指令是什么：\n段落"}
    ]
    assert shipped(repository, "polish").render(segment="段落", instruction="问？") == [
        {"role": "user", "content": "段落\n\n请回答：问？"}
    ]
