import pytest

from kun_recipes.corpus.lines import (
    AFTER_INTRODUCTION,
    BEFORE_SECTION,
    BETWEEN_PARAGRAPHS,
    IN_LIST,
    IN_WRAPPED_LINE,
    cut_cost,
    parse_lines,
)

TEXT = "这是一段正文，说明一件事情的来龙去脉，并且以句号结尾。"
WRAPPED = "这一行在编辑时被硬换行截断，句子还没有说完，后面的文字接在下一行的开头，所以它不是标题"


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        ([TEXT], TEXT, BETWEEN_PARAGRAPHS),
        (["第一章 总则"], TEXT, AFTER_INTRODUCTION),
        (["第一章 总则", "第一节 目的"], TEXT, AFTER_INTRODUCTION),
        (["## 怎样养护"], TEXT, AFTER_INTRODUCTION),
        (["为什么天空是蓝色的？"], TEXT, AFTER_INTRODUCTION),
        ([TEXT], "5.6. 我编译程序时为什么会出现找不到库的错误？为什么软件包里没有任何库文件？", BEFORE_SECTION),
        ([TEXT], "二、适用范围", BEFORE_SECTION),
        ([TEXT], "第四条 " + TEXT, BEFORE_SECTION),
        (["需要准备以下材料："], "1. 身份证。", AFTER_INTRODUCTION),
        (["需要准备以下材料:"], "身份证", AFTER_INTRODUCTION),
        (["需要准备以下材料：", "1. 身份证。"], "2. 户口本。", IN_LIST),
        (["有下列情形之一的：", "（一）死亡；"], "（二）受刑事处罚；", IN_LIST),
        (["有下列情形之一的：", "（一）死亡；", "（二）受刑事处罚。"], TEXT, BETWEEN_PARAGRAPHS),
        (["有下列情形之一的：", "（一）死亡；", "（二）受刑事处罚。"], "第五条 " + TEXT, BEFORE_SECTION),
        ([WRAPPED], TEXT, IN_WRAPPED_LINE),
        ([WRAPPED, ""], TEXT, BETWEEN_PARAGRAPHS),
        (["首页", "新闻", "论坛", "下载"], TEXT, BETWEEN_PARAGRAPHS),  # a menu is no stack of headings
        (["首页", "新闻", "论坛", "1.2. 概述"], TEXT, AFTER_INTRODUCTION),
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n\u3000\u3000"])
def test_cut_cost(above, below, expected, line_break):
    lines = parse_lines(line_break.join([*above, below, TEXT]))
    at = len([line for line in above if line])
    assert lines[at].text == below
    assert cut_cost(lines[at - 1], lines[at]) == expected


def test_spans_leave_out_only_whitespace():
    text = "\n \u3000第一行 \r\n\r\n\t第二行\u2028第三行\x0b"
    assert [text[line.start : line.end] for line in parse_lines(text)] == ["第一行", "第二行", "第三行"]
