"""What is wrong with published rows: anybody's set of instructions."""

import pytest

from kun_recipes.privacy import load_privacy
from kun_recipes.publishing.checking.rows import RowsCheck
from kun_recipes.rules import load_rules

RULES, PRIVACY = load_rules(), load_privacy()
GOOD = {
    "instruction": "水的沸点是多少？",
    "output": "标准大气压下，水的沸点是100摄氏度，气压越低，沸点也越低。",
    "id": "a",
    "source": "wudao",
}


def look(*rows: dict, quality: bool = True) -> dict[str, tuple[bool, int]]:
    check = RowsCheck(PRIVACY, RULES, quality)
    for row in rows:
        check.look("wudao", row)
    return {what: (problem.serious, problem.rows) for what, problem in check.problems.items()}


def test_a_good_row_has_no_problem():
    assert look(GOOD) == {}
    assert look({key: GOOD[key] for key in ("instruction", "output")}) == {}  # COIG-Kun's columns


@pytest.mark.parametrize(
    ("changes", "what", "serious"),
    [
        ({"instruction": ""}, "empty instruction", True),
        ({"output": None}, "empty output", True),
        ({"output": ["水"]}, "output is not text", True),
        ({"output": 100}, "output is not text", True),
        ({"input": "水"}, "input continues the instruction", False),
        ({"input": "请致电13912345678咨询。"}, "private data in input", True),
        ({"document_id": "https://example.cn/13912345678"}, "private data in document_id", True),
        ({"document_id": "/home/ana/x.jsonl:3"}, "local path in document_id", True),
        ({"segment": " "}, "empty segment", True),
        ({"id": None}, "empty id", True),
        ({"output": "请致电13912345678咨询。"}, "private data in output", True),
        ({"segment": "请致电13912345678咨询。"}, "private data in segment", True),
        ({"title": "liming@qq.com"}, "private data in title", True),
        ({"output": "请致电[手机号]咨询，谢谢大家的支持。"}, "placeholder in output", False),
        ({"instruction": "根据上文内容，水的沸点是多少？"}, "instruction: missing_context", False),
        ({"output": "很抱歉，我无法回答这个问题。"}, "output: refusal", False),
    ],
)
def test_each_problem_has_its_name(changes, what, serious):
    assert look(GOOD | changes)[what] == (serious, 1)


def test_ip_address_is_private_in_segments_only():
    text = "这台路由器的IP地址是58.32.17.6，请在浏览器中打开它。"
    assert look(GOOD | {"output": text}) == {}
    assert look(GOOD | {"segment": text}) == {"private data in segment": (True, 1)}


def test_repeated_ids_are_serious_and_repeated_pairs_are_not():
    assert look(GOOD, GOOD | {"id": "b"}) == {"duplicate pair": (False, 1)}
    assert look(GOOD, GOOD | {"output": "水在标准大气压下一百摄氏度沸腾，在高山上还要低一些。"}) == {
        "id used twice": (True, 1)
    }


def test_a_row_counts_once_for_a_problem_and_places_are_few():
    check = RowsCheck(PRIVACY, RULES, quality=False)
    for number in range(5):
        check.look("wudao", GOOD | {"id": str(number), "output": "致电13912345678或13812345678。"})
    problem = check.problems["private data in output"]
    assert problem.rows == 5
    assert problem.places == [f"wudao:{number + 1} ({number}): phone_number 13…8" for number in range(3)]
    assert str(problem).endswith(" and 2 more")


def test_source_names_the_split_of_a_build_and_may_say_anything_elsewhere():
    assert look(GOOD | {"source": "skypile"}, quality=False) == {"source differs from its split": (True, 1)}
    assert "source differs from its split" not in look(GOOD | {"source": "skypile"})


def test_whole_numbers_are_ids():
    assert look(GOOD | {"id": 0}, GOOD | {"id": 1}, quality=False) == {}


def test_without_quality_only_refusable_problems_are_checked():
    assert look(GOOD, GOOD | {"id": "b", "output": "很抱歉，我无法回答这个问题。"}, quality=False) == {}
