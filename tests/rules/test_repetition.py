from dataclasses import replace

import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.rules import AnswerCopiesPrompt, Repetition, load_rules
from kun_recipes.rules.repetition import duplicate_ngram_share, duplicate_share, repeated_unit
from kun_recipes.text.views import encode, narrow

SETTINGS = load_rules().repetition
RULE = Repetition(schema.TEXT, SETTINGS)
SOUND = "清理冰箱时先断开电源，取出全部食物，再用温水加少许小苏打擦洗内壁、抽屉和门封条，擦干以后敞开门通风半小时。"
AGAIN = "绿茶的代表品种有西湖龙井。"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (AGAIN * 4 + SOUND, "in duplicate sentences"),
        (SOUND + AGAIN * 4 + "红茶经过充分氧化，茶汤呈红色。", "绿茶的代表品种有西湖龙井 × 4"),
        (SOUND + AGAIN * 4, "in duplicate sentences"),
        (SOUND + "\n" + SOUND, "in duplicate sentences"),
        ("是否可以施行？是否可以施行?是否可以施行？", "in duplicate sentences"),  # both widths
        (SOUND + "什么是什么是什么是什么是什么是什么是", "什么是 × 6"),
        ("答：好，问：好，" * 6 + SOUND, "答:好,问:好, × 6"),
        ("".join(f"第{n}步，把绿茶的鲜叶放进锅里杀青。" for n in "一二三四五六七"), "duplicate 12-grams"),
        (SOUND + "啊" * 10 + SOUND[::-1], "啊 × 10"),
        (f"{SOUND[:30]}一", None),
        ("a" * 1000, "aa × 500"),
    ],
)
def test_dropped_and_kept(text, value):
    fault = RULE.find(narrow(text))
    if value is None:
        assert fault is None
    else:
        assert fault.reason == "repetition"
        assert value in fault.value


@pytest.mark.parametrize(
    "text",
    [
        "我爱家乡的山，\n我爱家乡的水，\n我爱家乡的云，\n我爱家乡的风，\n我爱家乡的人，\n我爱家乡的灯火。",
        "".join(
            f"第{number}条 国务院有关部门负责{work}工作。\n"
            for number, work in zip("一二三四", "教文体卫", strict=True)
        ),
        "- 支持中文\n- 支持英文\n- 支持日文\n- 支持法文\n- 支持德文\n- 支持俄文\n- 支持韩文",
        "他哈哈哈哈哈哈地笑了起来，一直笑到弯下腰去。",
        "姓名\t年龄\n----------------------------\n张三\t20\n============================\n",
        "二进制数0000000000000000与1111111111111111按位相加。",
        "寻寻觅觅，冷冷清清，凄凄惨惨戚戚。乍暖还寒时候，最难将息。",
        "第一章……………………………………1\n第二章……………………………………9",
        "",
        "字",
    ],
)
def test_common_line_beginnings_and_lines_of_dashes_are_kept(text):
    assert RULE.find(narrow(text)) is None


def test_null_disables_each_check():
    off = replace(
        SETTINGS, max_duplicate_share=None, max_unit_repeats=None, max_long_repeats=None, max_ngram_share=None
    )
    assert Repetition(schema.TEXT, off).find(AGAIN * 20) is None
    assert Repetition(schema.TEXT, replace(off, max_long_repeats=19)).find(AGAIN * 20).value == f"{AGAIN} × 20"
    assert Repetition(schema.TEXT, replace(off, max_long_repeats=20)).find(AGAIN * 20) is None
    assert Repetition(schema.TEXT, replace(off, max_unit_repeats=5)).find("一二" * 6).value == "一二 × 6"
    assert Repetition(schema.TEXT, replace(off, max_unit_repeats=6)).find("一二" * 6) is None
    assert Repetition(schema.TEXT, replace(off, max_character_repeats=None)).find("啊" * 50) is None


def test_measures():
    assert duplicate_share(["甲乙丙", "丁戊己", "甲乙丙"], 9) == pytest.approx(1 / 3)
    assert duplicate_ngram_share("abcdefabcdef", 3) == pytest.approx(1 / 2)
    assert duplicate_ngram_share("abcdef", 3) == 0
    assert repeated_unit(encode("一二一二一二"), lambda length: 2) == "一二 × 3"
    assert repeated_unit(encode("一二一二一二"), lambda length: 3) is None
    assert repeated_unit(encode("121212"), lambda length: 2) is None


@pytest.mark.parametrize(
    ("instruction", "output", "value"),
    [
        ("什么是火山？", "什么是火山？", "0"),
        ("什么是火山？", "什么是火山?什么是火山。", "0"),
        ("什么是火山？", "问题：什么是火山", "2"),
        ("什么是火山？", "什么是火山？火山是地下岩浆喷出地表形成的山。", None),
        ("什么是火山？", "火山是山。", None),
        ("？", "火山是山。", None),
    ],
)
def test_echo(instruction, output, value):
    doc = Document(text="", id="1", metadata={schema.INSTRUCTION: instruction, schema.OUTPUT: output})
    assert AnswerCopiesPrompt(8).filter(doc) == (True if value is None else (False, "echo"))
    assert doc.metadata.get(schema.VALUE) == value
    assert AnswerCopiesPrompt(None).filter(doc) is True


def test_a_reference_may_repeat_itself():
    said = "检查参数。如果是，返回非零值；如果不是，返回零，并且设置错误号。"
    names = ("isalpha", "isdigit", "isspace", "isupper", "islower")
    reference = "\n".join(f"函数 {name} {said}" for name in names)
    settings = load_rules().repetition
    assert Repetition(schema.TEXT, settings).find(narrow(reference)) is None
    assert Repetition(schema.TEXT, replace(settings, min_names=None)).find(narrow(reference)) is not None
    assert Repetition(schema.TEXT, settings).find(narrow("\n".join(f"函数 isalpha {said}" for _ in names))) is not None
