import json

from kun_recipes.data.pair_sources import MAIN
from kun_recipes.evaluation.inputs import overlapping
from kun_recipes.evaluation.questions import Question

QUESTIONS = [
    Question(f"ceval/val/logic/{number}", "logic", stem, ("一" * 4, "二" * 4, "三" * 4, "四" * 4), "A")
    for number, stem in enumerate(
        [
            "在标准大气压下把一块冰放进温水里冰会怎样变化",
            "黄河流经哪些省份最后注入哪一片海洋",
            "谁在春天的花园里种下一棵苹果树",
        ]
    )
]


def test_every_question_that_a_row_quotes_is_found(tmp_path):
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"q": QUESTIONS[0].stem + "？" + QUESTIONS[1].stem + "？", "a": "会融化；注入渤海。"},
        {"q": "今天天气怎么样", "a": "晴。"},
    ]
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    found = overlapping(QUESTIONS, [str(file)], {str(file): ("q", "a", MAIN)})
    assert found == {"ceval/val/logic/0", "ceval/val/logic/1"}


def test_without_training_rows_nothing_overlaps():
    assert overlapping(QUESTIONS, [], {}) == frozenset()
