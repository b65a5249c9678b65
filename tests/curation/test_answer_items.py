"""The answer judge's labelled items: what a judge could go by without reading must say nothing about the label."""

import json
import re
from collections import Counter, defaultdict

import pytest
from datatrove.data import Document

from kun_recipes.curation.calibration import area_under_roc
from kun_recipes.curation.judge_data import load_judge_items, split_judge_items
from kun_recipes.privacy import find_private, load_privacy
from kun_recipes.rules import load_rules
from kun_recipes.rules.keywords import LowQualityKeywords

SETTINGS = load_privacy()
RIGHT = {"right", "reworded", "short"}
WRONG = {
    "number",
    "negation",
    "swap",
    "condition",
    "neighbour",
    "circular",
    "names_only",
    "half",
    "invented",
    "heading",
    "other_thing",
}


SHORT = ["answers.jsonl"]
"""The file that a small run can afford: it must do without the longer one."""

LEANING = re.compile(
    "(?<!应)该|此|上述|文中|条文|我[省市]|[今去]年|昨[天日]|作者(?:认为|的)|[这那](?:[款位家种座部口次份]|条例)"
)
"""Words that point at what an instruction does not name."""


def read(repository, names):
    files = [repository / "recipes/demo/data" / name for name in names]
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def items(repository):
    return read(repository, [*SHORT, "answers_more.jsonl"])


@pytest.fixture(scope="module", params=[SHORT, [*SHORT, "answers_more.jsonl"]], ids=["short", "both"])
def either(request, repository):
    return read(repository, request.param)


def fourgrams(text):
    text = "".join(filter(str.isalnum, text))
    return {text[start : start + 4] for start in range(max(1, len(text) - 3))}


def overlap(item):
    answer = fourgrams(item["output"])
    return len(answer & fourgrams(item["segment"])) / len(answer)


def test_items_have_the_fields_of_the_answer_judge_and_none_occurs_twice(items):
    assert {tuple(item) for item in items} == {("judge", "segment", "instruction", "output", "label", "kind")}
    assert {item["judge"] for item in items} == {"answer"}
    assert len({(item["segment"], item["instruction"], item["output"]) for item in items}) == len(items) >= 320
    assert all(value.strip() == value != "" for item in items for value in item.values())
    assert not [item for item in items if any(find_private(value, SETTINGS) for value in item.values())]


def test_kinds_say_the_label_and_each_kind_of_fault_can_be_measured(items):
    assert {item["kind"] for item in items if item["label"] == "好"} == RIGHT
    assert {item["kind"] for item in items if item["label"] == "差"} == WRONG
    assert min(Counter(item["kind"] for item in items).values()) >= 12
    assert Counter(item["label"] for item in items)["好"] == pytest.approx(0.4 * len(items), rel=0.1)


def test_segments_are_passages_and_each_has_right_and_wrong_answers(items):
    labels = defaultdict(set)
    for item in items:
        labels[item["segment"]].add(item["label"])
    assert len(labels) >= 80
    assert all(120 <= len(segment) <= 300 for segment in labels)
    assert all(found == {"好", "差"} for found in labels.values())


def test_the_right_answers_instructions_stand_alone(items):
    """Those of wrong answers, too: an instruction that leans on its segment would otherwise give a label away."""
    rule = LowQualityKeywords("instruction", load_rules().keywords.of("instruction"))
    right = {item["instruction"] for item in items if item["label"] == "好"}
    assert [one for one in right if rule.filter(Document("", "", metadata={"instruction": one})) is not True] == []
    wrong_on_purpose = {"今年的“夜读季”共接待了多少读者？"}  # the segment has last year's number
    assert {item["instruction"] for item in items if LEANING.search(item["instruction"])} == wrong_on_purpose


def test_the_short_file_does_for_a_small_run(repository):
    folder = repository / "recipes/demo/data"
    short, both = (
        split_judge_items(load_judge_items([folder / name for name in names], judges=["answer"]))
        for names in (SHORT, [*SHORT, "answers_more.jsonl"])
    )
    for part, whole, least in zip(short, both, (90, 50, 50), strict=True):
        assert {item.kind for item in part} == RIGHT | WRONG
        assert len(part) >= least
        assert set(part) < set(whole)


@pytest.mark.parametrize("signal", [lambda item: len(item["output"]), overlap])
def test_neither_length_nor_copying_gives_a_label_away(either, signal):
    area = area_under_roc([signal(item) for item in either], [item["label"] == "好" for item in either])
    assert area == pytest.approx(0.5, abs=0.1)
