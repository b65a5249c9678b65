"""Lines of the page, not of its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.normalisation import RemovePageLines
from kun_recipes.corpus.quality import load_quality

BLOCK = RemovePageLines(load_quality().page_lines)
TEXT = "竹子一天能长一米。"


@pytest.mark.parametrize(
    "line",
    [
        "上一页",
        "下一页8.7. 打印机配置",
        "下一篇：怎样种花",
        "返回顶部",
        "打印本页",
        "责任编辑：王某",
        "（编辑：李某）",
        "来源：新华网",
        "发布时间: 2020-01-02 10:20",
        "【标签：竹子 养花】",
        "关闭窗口",
        "分享到：微信 微博",
        "编辑：张三、李小四",
        "作者：J. Smith",
        "相关文章：怎样种花",
        "【推荐阅读】",
    ],
)
def test_page_lines_are_removed(line):
    assert BLOCK.format(f"{TEXT}\n\n{line}\n\n{TEXT}") == f"{TEXT}\n\n{TEXT}"
    assert BLOCK.format(f"{TEXT}\n{line}") == TEXT


@pytest.mark.parametrize(
    "line",
    [
        "下一页纸上画着一棵竹子。",
        "作者把竹子写得很生动。",
        "来源于南方的竹子长得快。",
        "打印机没有纸了。",
        "请翻到下一页",
        "编辑：先打开文件，再改第一行。",
        "关闭窗口以后再开机。",
        "记者：竹子一天能长多高？",
        "编辑：为什么选择种竹子",
        "来源：您是从哪里知道的？",
        "来源：禾本科植物的干燥根茎",
        "来源：高山泉水，水温常年八度",
        "出处：《庄子·逍遥游》",
        "标签：把旧标签撕下来擦干净瓶身再贴",
    ],
)
def test_near_misses_are_kept(line):
    assert BLOCK.format(f"{TEXT}\n{line}") == f"{TEXT}\n{line}"


@given(st.lists(st.sampled_from(["上一页", "返回顶部", TEXT, "", " ", "下一页", "来源：", "…"]), max_size=12))
def test_formatting_twice_changes_nothing(lines):
    once = BLOCK.format("\n".join(lines))
    assert BLOCK.format(once) == once


@pytest.mark.parametrize("word", ["记者", "编辑", "作者", "审核"])
def test_speakers_of_an_interview_are_kept(word):
    interview = f"{word}：好的\n老李：好，明天来。\n{word}：谢谢\n老李：不客气。"
    assert BLOCK.format(interview) == interview


def test_removed_lines_are_counted():
    block = RemovePageLines(load_quality().page_lines)
    block.format(f"上一页\n{TEXT}\n编辑：王某\n{TEXT}")
    assert block.stats["lines_removed"].total == 2


def test_null_disables_the_block():
    assert RemovePageLines(None).format("上一页\n") == "上一页\n"
