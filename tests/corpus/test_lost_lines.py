"""Documents without their line breaks, and Chinese text that was cut into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.normalisation import JoinWords, NormaliseText, RemovePageLines, RestoreLines
from kun_recipes.corpus.quality import load_quality
from kun_recipes.rules import load_rules
from kun_recipes.rules.endings import CutOff
from kun_recipes.text.views import narrow

PAGE_LINES = load_quality().page_lines
RESTORE, REMOVE, JOIN = RestoreLines(PAGE_LINES), RemovePageLines(PAGE_LINES), JoinWords()
NORMALISE = NormaliseText(load_rules().format_debris)

ONE = "入冬以来,县里的大棚草莓陆续进入采摘期,周末前来采摘的游客比去年多了三成,路边的小旅馆也住满了人。"
TWO = "种植户老周说,草莓怕湿不怕冷,夜里棚温保持在八度左右,白天及时通风,果子就红得匀、甜得透,很少生病。"
THREE = "“明年还要再搭四个棚!”他一边给草莓苗摘除老叶一边说,合作社已经替大家联系好了城里的水果店,不愁卖。"
PARAGRAPHS = [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("", ""),
        ("", " 责任编辑:"),
        ("", " 责任编辑:李和"),
        ("", "责任编辑:王某"),
        ("", " (责任编辑:张三)"),
        ("", "(编辑:张三 李四)"),
        ("", " 原标题:草莓红了,农家乐了 责任编辑:王某"),
        ("", " 来源:新华网 编辑:李和"),
        ("", "(来源:新华网)(责任编辑:王某)"),
        ("", " 【责任编辑：王小五】"),
        ("原标题:草莓红了,农家乐了 ", " 责任编辑:王某"),
        ("来源:新华网 作者:王小五 ", ""),
        ("发布时间:2019-12-03 来源:新华网 ", ""),
    ],
)
def test_an_article_on_one_line_gets_its_paragraphs_and_loses_the_lines_of_its_page(head, tail):
    text = REMOVE.format(RESTORE.format(NORMALISE.format(f"{head}{' '.join(PARAGRAPHS)}{tail}")))
    assert text.split("\n") == PARAGRAPHS
    rules = load_rules()
    assert CutOff("text", rules.max_open_length.segment, rules.closing_lines).find(narrow(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        ONE + TWO + THREE,
        f"{ONE}\n{TWO}\n{THREE}",
        "他说好。 她说不好。 我说随便。 大家都笑了。 后来谁也没有再提这件事。 " * 4 + "就这样过去了。",  # a habit
        f"{ONE}{TWO}老周说:明年还要再搭四个棚",  # a text that continues, not a line of the page
        f"{ONE}{TWO}来源:禾本科植物的干燥根茎",
        f"记者:草莓怕什么? 老周:怕湿。 记者:怎样通风? {TWO}",
        f"作者:先把草莓洗净,再切成小块。 {ONE}",
        "```\n" + " ".join(PARAGRAPHS) + "\n```",
        "",
    ],
)
def test_other_texts_keep_their_lines(text):
    assert RESTORE.format(text) == text


def test_without_page_lines_the_paragraphs_alone_are_restored():
    text = f"原标题:草莓红了 {ONE} {TWO} {THREE} 责任编辑:王某"
    assert RestoreLines(None).format(text).split("\n") == [
        f"原标题:草莓红了 {ONE}",
        TWO,
        THREE,
        "责任编辑:王某",
    ]


@given(
    st.lists(
        st.sampled_from([*PARAGRAPHS, " ", "\n", "责任编辑:王某", "原标题:甲乙", "(来源:新华网)", "。"]), max_size=9
    )
)
def test_restoring_twice_changes_nothing(pieces):
    once = RESTORE.format("".join(pieces))
    assert RESTORE.format(once) == once


WORDS = "入冬 以来 ， 县里 的 大棚 草莓 陆续 进入 采摘 期 ， 游客 比 去年 多 了 三成 ， 旅馆 也 住 满 了 人 。"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        (WORDS, WORDS.replace(" ", "")),
        (" ".join(WORDS.replace(" ", "")), WORDS.replace(" ", "")),  # cut into characters
        (WORDS.replace("，", ","), WORDS.replace(" ", "").replace("，", ",")),
        (f"1. {WORDS}\n2. {WORDS}", "1. {0}\n2. {0}".format(WORDS.replace(" ", ""))),
        (
            f"{WORDS}\n老周 2019 年 用 Python 写 了 一个 Open Source 的 程序 来 管 棚温 。",
            f"{WORDS.replace(' ', '')}\n老周2019年用Python写了一个Open Source的程序来管棚温。",
        ),
    ],
)
def test_text_that_is_cut_into_words_is_joined(text, joined):
    assert JOIN.format(text) == joined
    assert JOIN.format(joined) == joined


@pytest.mark.parametrize(
    "text",
    [
        ONE + TWO + THREE,
        " ".join(["张三 李四 王小五 赵六 钱七 孙小八 周九 吴十 郑小一 王二"] * 4),  # names
        " ".join(["草莓 大棚 采摘 农家乐 周末 亲子 旅游 美食 冬季 水果"] * 4),  # keywords
        "床前明月光 疑是地上霜 举头望明月 低头思故乡 " * 4,
        "The old man is in the house, and the dog is not. " * 4,
        "姓名 年龄 单位\n" * 20,
    ],
)
def test_other_blanks_stay(text):
    assert JOIN.format(text) == text
