"""Tallies: what they count, and that parts add up to the whole."""

import json
import random

import pytest

from kun_recipes.reporting.tally import EXAMPLES, LENGTH_CLASSES, SHOWN_CHARACTERS, Tally, length_class, length_labels


def row(number: int, text: str | None = None, **columns) -> dict:
    return {"id": f"row-{number}", "text": text or "字" * (number + 1), "source": "wudao", **columns}


def tally_of(rows) -> Tally:
    tally = Tally()
    for one in rows:
        tally.add(one)
    return tally


def test_rows_bytes_and_lengths_are_counted():
    tally = tally_of([row(0, "一二"), row(1, "a" * 50), row(2, "b" * 99), row(3, "c" * 10_000_000)])
    assert (tally.rows, tally.bytes) == (4, 6 + 50 + 99 + 10_000_000)
    assert tally.lengths == [1, 2] + [0] * (LENGTH_CLASSES - 3) + [1]


@pytest.mark.parametrize(("characters", "label"), [(0, "0–49"), (49, "0–49"), (50, "50–99"), (399, "200–399")])
def test_lengths_have_names(characters, label):
    assert length_labels()[length_class(characters)] == label


def test_every_class_has_a_name():
    assert len(length_labels()) == LENGTH_CLASSES
    assert length_labels()[-1] == "51200 and more"


def test_merged_tallies_do_not_depend_on_the_split():
    rows = [row(number) for number in range(100)]
    whole = tally_of(rows)
    random.Random(0).shuffle(rows)
    merged = Tally()
    for part in (rows[:7], [], rows[7:60], rows[60:]):
        stored = json.loads(json.dumps(tally_of(part).to_json()))
        merged.merge(Tally.from_json(stored))
    assert merged == whole
    assert len(merged.examples) == EXAMPLES


def test_a_long_text_is_shown_around_what_was_matched():
    text = "前" * 5000 + "点击下载" + "后" * 5000
    [(_, example)] = tally_of([row(0, text, value="点击下载")]).examples
    assert example["text"].startswith("…前")
    assert "点击下载" in example["text"]
    assert len(example["text"]) == SHOWN_CHARACTERS + 1
    assert example["more"] == 5000 + 4 - SHOWN_CHARACTERS // 2
