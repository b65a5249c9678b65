"""The answer judge's labelled items: what a judge could go by without reading must say nothing about the label."""

import json
from collections import Counter, defaultdict

import pytest

from kun_recipes.curation.calibration import area_under_roc
from kun_recipes.privacy import find_private, load_privacy

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


@pytest.fixture(scope="module")
def items(repository):
    lines = (repository / "recipes/demo/data/answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


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


@pytest.mark.parametrize("signal", [lambda item: len(item["output"]), overlap])
def test_neither_length_nor_copying_gives_a_label_away(items, signal):
    area = area_under_roc([signal(item) for item in items], [item["label"] == "好" for item in items])
    assert area == pytest.approx(0.5, abs=0.1)
