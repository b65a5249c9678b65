import pytest

from kun_recipes.corpus.segments.lines import (
    AFTER_INTRODUCTION,
    BEFORE_ARTICLE,
    BEFORE_SECTION,
    BETWEEN_PARAGRAPHS,
    IN_CODE,
    IN_LIST,
    IN_PART,
    IN_TABLE,
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
        ([TEXT], "第四条 " + TEXT, BEFORE_ARTICLE),
        (["需要准备以下材料："], "1. 身份证。", AFTER_INTRODUCTION),
        (["需要准备以下材料:"], "身份证", AFTER_INTRODUCTION),
        (["需要准备以下材料：", "1. 身份证。"], "2. 户口本。", IN_LIST),
        (["有下列情形之一的：", "（一）死亡；"], "（二）受刑事处罚；", IN_LIST),
        (["有下列情形之一的：", "（一）死亡；", "（二）受刑事处罚。"], TEXT, BETWEEN_PARAGRAPHS),
        (["有下列情形之一的：", "（一）死亡；", "（二）受刑事处罚。"], "第五条 " + TEXT, BEFORE_ARTICLE),
        ([WRAPPED], TEXT, IN_WRAPPED_LINE),
        ([WRAPPED, ""], TEXT, BETWEEN_PARAGRAPHS),
        (["首页", "新闻", "论坛", "下载"], TEXT, BETWEEN_PARAGRAPHS),  # a menu is no stack of headings
        (["首页", "新闻", "论坛", "1.2. 概述"], TEXT, AFTER_INTRODUCTION),
        # Markdown headings are headings wherever they stand
        ([TEXT], "#### 养护", BEFORE_SECTION),
        (["首页", "新闻", "论坛", "下载", "# 概述"], TEXT, AFTER_INTRODUCTION),
        ([TEXT], "#话题# 今天下雨，路滑。", BETWEEN_PARAGRAPHS),
        # articles of a law are units
        (["第四条 " + TEXT], "第五条 " + TEXT, BEFORE_ARTICLE),
        (["第四条之一 " + TEXT], TEXT, IN_PART),
        (["第4条　" + TEXT, TEXT], TEXT, IN_PART),
        (["第二章 总则"], "第四条 " + TEXT, AFTER_INTRODUCTION),
        (["第四条 有下列情形之一的："], "（一）死亡；", AFTER_INTRODUCTION),
        (["第四条 有下列情形之一的：", "（一）死亡；"], "（二）受刑事处罚。", IN_LIST),
        (["第四条 " + TEXT], "第三条规定的情形除外，" + TEXT, IN_PART),
        (["第四条 " + TEXT, "第二章 附则"], "第五条 " + TEXT, AFTER_INTRODUCTION),
        # questions stay with their answers
        ([TEXT], "问：" + TEXT, BEFORE_SECTION),
        (["问：怎样养花？"], "答：" + TEXT, AFTER_INTRODUCTION),
        (["问：" + TEXT], "答：" + TEXT, AFTER_INTRODUCTION),
        (["Q: 怎样养花？"], "A: " + TEXT, AFTER_INTRODUCTION),
        (["问：怎样养花？", "答：" + TEXT], TEXT, IN_PART),
        (["问：怎样养花？", "答：" + TEXT], "问：怎样养鱼？", BEFORE_SECTION),
        (["1、怎样养花？"], TEXT, AFTER_INTRODUCTION),
        (["1、怎样养花？", TEXT], TEXT, IN_PART),
        (["1、怎样养花？", TEXT], "2、怎样养鱼？", BEFORE_SECTION),
        ([TEXT], "答：" + TEXT, IN_PART),
        # tables and code
        (["| 名称 | 数量 |"], "| --- | --- |", IN_TABLE),
        ([TEXT], "```python", IN_LIST),
        (["例如："], "```python", AFTER_INTRODUCTION),
        ([TEXT, "```python"], "def area():\n```", IN_CODE),
        ([TEXT, "```python", "def area():"], "# 面积\n```", IN_CODE),
        ([TEXT, "```python", "def area():"], "```", IN_CODE),
        ([TEXT, "```python", "def area():", "```"], TEXT, BETWEEN_PARAGRAPHS),
        ([TEXT, "```python"], TEXT, BETWEEN_PARAGRAPHS),  # never closed: it encloses nothing
        # bullets are items, not headings
        (["所需材料：", "- 面粉", "- 白糖"], TEXT, BETWEEN_PARAGRAPHS),
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n\u3000\u3000"])
def test_cut_cost(above, below, expected, line_break):
    text = line_break.join([*above, below, TEXT])
    lines = parse_lines(text)
    at = len([line for line in above if line])
    assert text[lines[at].start : lines[at].end] == below.partition("\n")[0]
    assert cut_cost(lines[at - 1], lines[at]) == expected


def test_spans_omit_only_whitespace():
    text = "\n \u3000第一行 \r\n\r\n\t第二行\u2028第三行\x0b"
    assert [text[line.start : line.end] for line in parse_lines(text)] == ["第一行", "第二行", "第三行"]
