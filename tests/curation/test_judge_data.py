import json
from collections import Counter

import pytest

from kun_recipes.curation.calibration import area_under_roc
from kun_recipes.curation.judge_data import JudgeItem, load_judge_items, split_judge_items
from kun_recipes.errors import UserError

ROWS = [
    {"judge": judge, "text": f"{judge}{label}{number}", "label": label, "kind": "k"}
    for judge, labels in {"filter": "是否", "score": "好差"}.items()
    for label in labels
    for number in range(5)
]


def write(path, rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_items_come_in_file_order(tmp_path):
    items = load_judge_items(write(tmp_path / "judge.jsonl", ["", *ROWS]))
    assert items == [JudgeItem(**row) for row in ROWS]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"judge": "filter", "label": "是"}, "text must be text that is not empty"),
        ({"judge": "filter", "text": " ", "label": "是"}, "text must be text that is not empty"),
        ({"judge": "filter", "text": "甲", "label": 1}, "label must be text that is not empty"),
        ({"judge": "polish", "text": "甲", "label": "是"}, "unknown judge polish; there are filter and score"),
        ({"judge": "score", "text": "甲", "label": "是"}, "the score judge answers 好 or 差, not 是"),
        ({"judge": "filter", "text": "filter是0", "label": "否"}, "the filter judge has this text already: filter是0"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, message):
    path = write(tmp_path / "judge.jsonl", [*ROWS, row])
    with pytest.raises(UserError, match=f"{path}:21: {message}"):
        load_judge_items(path)


PAIRS = [{**row, "output": f"答{row['text']}"} if row["judge"] == "score" else row for row in ROWS]


def test_an_instruction_may_have_several_answers(tmp_path):
    again = {**PAIRS[-1], "output": "另答"}
    items = load_judge_items(write(tmp_path / "pairs.jsonl", [*PAIRS, again]), pairs=True)
    assert items == [JudgeItem(**row) for row in [*PAIRS, again]]
    assert items[0].pair == ("filter是0", "")
    assert items[-1].pair == ("score差4", "另答")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**PAIRS[-1], "output": " "},
            "output must be text that is not empty: the score judge is asked about the pair",
        ),
        ({**PAIRS[-1], "output": 1}, "output must be text that is not empty: the score judge is asked about the pair"),
        (ROWS[-1], "output must be text that is not empty: the score judge is asked about the pair"),
        ({**PAIRS[0], "output": "答"}, "has an output, but the filter judge is asked about the instruction alone"),
        (PAIRS[-1], "the score judge has this text already: score差4"),
    ],
)
def test_a_bad_line_among_pairs_is_named(tmp_path, row, message):
    path = write(tmp_path / "pairs.jsonl", [*PAIRS, row])
    with pytest.raises(UserError, match=f"{path}:21: {message}"):
        load_judge_items(path, pairs=True)


def test_pairs_are_refused_for_a_judge_of_instructions(tmp_path):
    path = write(tmp_path / "pairs.jsonl", PAIRS)
    with pytest.raises(
        UserError, match=f"{path}:11: has an output, but the score judge is asked about the instruction"
    ):
        load_judge_items(path)


def test_two_judges_may_share_a_text(tmp_path):
    same = {"judge": "score", "text": "filter是0", "label": "好", "kind": ""}
    assert load_judge_items(write(tmp_path / "judge.jsonl", [*ROWS, same]))[-1] == JudgeItem(**same)


def test_too_few_items_of_a_label(tmp_path):
    rows = [row for row in ROWS if row["label"] != "差"] + [row for row in ROWS if row["label"] == "差"][:3]
    with pytest.raises(UserError, match="the score judge has 3 items labelled 差; it needs at least 4"):
        load_judge_items(write(tmp_path / "judge.jsonl", rows))


@pytest.mark.parametrize(
    ("number", "sizes"),
    [(4, (2, 1, 1)), (5, (3, 1, 1)), (6, (3, 2, 1)), (7, (4, 2, 1)), (8, (4, 2, 2)), (50, (25, 13, 12))],
)
def test_each_judge_and_label_has_three_parts(number, sizes):
    items = [JudgeItem("filter", f"{label}{place}", label, "") for label in "是否" for place in range(number)]
    parts = split_judge_items(items)
    assert sorted(item.text for part in parts for item in part) == sorted(item.text for item in items)
    assert [Counter(item.label for item in part) for part in parts] == [{"是": size, "否": size} for size in sizes]


def test_the_parts_do_not_depend_on_the_order_of_the_file():
    items = [JudgeItem(**row) for row in ROWS]
    assert split_judge_items(items) == split_judge_items(items[::-1])


def test_the_demos_own_items(repository):
    training, development, held_out = split_judge_items(
        load_judge_items(repository / "recipes" / "demo" / "data" / "judge.jsonl")
    )
    for judge in ("filter", "score"):
        assert sum(item.judge == judge for item in training + development + held_out) >= 80
        assert sum(item.judge == judge for item in held_out) >= 20


def test_the_items_of_the_comparison_arm(repository):
    """The filter judge is measured as in the other recipes, and no answer's length gives its label away."""
    items = load_judge_items(repository / "recipes/humpback/data/judge_pairs.jsonl", pairs=True)
    demo = load_judge_items(repository / "recipes/demo/data/judge.jsonl")
    assert {item for item in items if item.judge == "filter"} == {item for item in demo if item.judge == "filter"}
    scored = [item for item in items if item.judge == "score"]
    assert Counter(item.label for item in scored) == {"好": 40, "差": 40}
    by_length = area_under_roc([len(item.output) for item in scored], [item.label == "好" for item in scored])
    assert by_length == pytest.approx(0.5, abs=0.1)
