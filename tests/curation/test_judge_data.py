import json
from collections import Counter

import pytest

from kun_recipes.curation.judge_data import JudgeItem, load_judge_items, split_judge_items
from kun_recipes.curation.measures import area_under_roc
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
        (b"\xc4\xe3".decode("latin-1"), "not JSON"),
        (
            {"item": "0a1b", "annotator": "a1", "clarity": True},
            "votes without their texts; give the dataset folder that",
        ),
        (
            {"judge": "filter", "text": "甲", "label": "是", "segment": "乙"},
            "has a segment, but the filter judge is asked",
        ),
        ("[]", "not a JSON object"),
        ({"judge": "filter", "label": "是"}, "text must be non-empty text"),
        ({"judge": "filter", "text": " ", "label": "是"}, "text must be non-empty text"),
        ({"judge": "filter", "text": "甲", "label": 1}, "label must be non-empty text"),
        (
            {"judge": "polish", "text": "甲", "label": "是"},
            "unknown judge polish; the judges are filter, score and answer",
        ),
        ({"judge": "score", "text": "甲", "label": "是"}, "the score judge answers 好 or 差, not 是"),
        ({"judge": "filter", "text": "filter是0", "label": "否"}, "the filter judge already has this text: filter是0"),
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
    assert items[0].asked == ("filter是0", "", "")
    assert items[-1].asked == ("score差4", "另答", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {**PAIRS[-1], "output": " "},
            "output must be non-empty text: the score judge is asked about the pair",
        ),
        ({**PAIRS[-1], "output": 1}, "output must be non-empty text: the score judge is asked about the pair"),
        (ROWS[-1], "output must be non-empty text: the score judge is asked about the pair"),
        ({**PAIRS[0], "output": "答"}, "has an output, but the filter judge is asked about the instruction alone"),
        (PAIRS[-1], "the score judge already has this text: score差4"),
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
    with pytest.raises(
        UserError,
        match="the score judge has 3 items labelled 差, but none to measure it on; give it at least 4 in one",
    ):
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


ANSWERS = [
    {"judge": "answer", "segment": f"段{segment}", "instruction": "问", "output": f"{label}{number}", "label": label}
    for segment in range(8)
    for label in "好差"
    for number in range(2)
]


def test_items_of_the_answer_judge(tmp_path):
    rows = [{**ANSWERS[0], "kind": "negated"}, {**ANSWERS[1], "kind": None}, *ANSWERS[2:]]
    items = load_judge_items(write(tmp_path / "answers.jsonl", rows), judges=["answer"])
    assert items[0] == JudgeItem("answer", "问", "好", "negated", "好0", "段0")
    assert items[1] == JudgeItem("answer", "问", "好", "", "好1", "段0")
    assert items[0].asked == ("问", "好0", "段0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment": ""}, "segment must be non-empty text: the answer judge is asked about the pair and its"),
        ({"output": None}, "output must be non-empty text: the answer judge is asked about the pair and its"),
        ({"instruction": " "}, "instruction must be non-empty text"),
        ({"label": "是"}, "the answer judge answers 好 or 差, not 是"),
        ({}, "the answer judge already has this text: 问"),
    ],
)
def test_a_bad_line_among_answers_is_named(tmp_path, change, message):
    path = write(tmp_path / "answers.jsonl", [*ANSWERS, ANSWERS[-1] | change])
    with pytest.raises(UserError, match=f"{path}:33: {message}"):
        load_judge_items(path, judges=["answer"])


def test_answers_of_too_few_segments(tmp_path):
    rows = [row for row in ANSWERS if row["segment"] in ("段0", "段1", "段2")]
    with pytest.raises(
        UserError,
        match=r"the answer judge has 6 items labelled 好, but none to measure it on; .* of at least 4 seg",
    ):
        load_judge_items(write(tmp_path / "answers.jsonl", rows), judges=["answer"])


def test_items_of_a_segment_are_in_one_part():
    items = [
        JudgeItem("answer", row["instruction"], row["label"], "", row["output"], row["segment"]) for row in ANSWERS
    ]
    parts = split_judge_items(items)
    assert [len({item.segment for item in part}) for part in parts] == [4, 2, 2]
    assert [len(part) for part in parts] == [16, 8, 8]
    assert split_judge_items(items[::-1]) == parts


def test_several_files_are_one_list(tmp_path):
    files = [write(tmp_path / "judge.jsonl", ROWS), write(tmp_path / "answers.jsonl", ANSWERS)]
    items = load_judge_items(files, judges=["filter", "score", "answer"])
    assert items == [*load_judge_items(files[0]), *load_judge_items(files[1], judges=["answer"])]
    with pytest.raises(UserError, match=r"judge\.jsonl: the answer judge has 0 items labelled 好"):
        load_judge_items(files[0], judges=["answer"])
    with pytest.raises(UserError, match=f"{files[0]}:1: the filter judge already has this text"):
        load_judge_items([files[0], files[0]])


@pytest.mark.parametrize("more", range(1, 6))
def test_items_of_another_file_do_not_change_the_split(tmp_path, more):
    """What was trained on is never measured on, whatever files are added later."""
    new = [
        *({"judge": "filter", "text": f"新{number}", "label": "是"} for number in range(7 * more)),
        *(
            {**row, "output": f"又{row['output']}", "segment": f"{row['segment']}{'新' * (more % 2)}"}
            for row in ANSWERS
        ),
    ]
    first = [write(tmp_path / "judge.jsonl", ROWS), write(tmp_path / "answers.jsonl", ANSWERS)]
    alone = split_judge_items(load_judge_items(first))
    together = split_judge_items(load_judge_items([*first, write(tmp_path / "new.jsonl", new)]))
    known = {item for part in alone for item in part}
    assert [[item for item in part if item in known] for part in together] == list(alone)
    segments = [{item.segment for item in part if item.segment} for part in together]
    assert not segments[0] & segments[1] | segments[0] & segments[2] | segments[1] & segments[2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.jsonl", "no such file of labelled items"),
        ("quality_votes.csv", "votes without their texts"),
    ],
)
def test_a_file_that_gives_no_items(tmp_path, name, message):
    if "votes" in name:
        (tmp_path / name).write_text("item,annotator,clarity\n", encoding="utf-8-sig")
    with pytest.raises(UserError, match=f"{tmp_path / name}: {message}"):
        load_judge_items(tmp_path / name)


def test_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "judge.jsonl"
    path.write_bytes('{"judge": "filter", "text": "你好吗", "label": "是"}\n'.encode("gbk"))
    with pytest.raises(UserError, match=f"{path}:1: "):
        load_judge_items(path)


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
