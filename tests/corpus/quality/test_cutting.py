"""Lines that are cut out of a document, and texts that stay whole."""

import dataclasses

import pytest

from kun_recipes.corpus.quality import CutLines, load_quality
from kun_recipes.rules import load_rules

LIMITS, RULES = load_quality().cut_lines, load_rules()
STEPS = "先把小苏打撒在壶里，倒入热水没过茶垢，静置半个小时。\n再用软布轻轻擦拭，最后用清水冲洗三遍，倒扣着晾干。"


def block(limits=LIMITS):
    return CutLines(limits, RULES.keywords.segment, RULES.closing_lines)


@pytest.mark.parametrize(
    "line",
    [
        "扫码关注我们，领取优惠券！",
        "点击下载养生大全APP",
        "版权所有，未经授权禁止转载！",
        "当前位置：首页 > 生活 > 收纳",
        "首页|新闻|论坛|下载|帮助",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_line_costs_only_itself(line, place):
    lines = STEPS.split("\n")
    lines.insert(place, line)
    cutter = block()
    assert cutter.format("\n".join(lines)) == STEPS
    assert cutter.stats["lines_removed"].total == 1


def test_only_the_sentence_of_a_paragraph_is_cut():
    paragraph = STEPS.replace("\n", "") * 2
    assert block().format(f"{paragraph}更多内容请长按二维码，扫码关注我们。{paragraph}") == paragraph * 2


@pytest.mark.parametrize(
    "tail", ["怎样挑选紫砂壶", "要清洗紫砂壶：", "另请参阅\n怎样挑选紫砂壶", "相关内容\n\n挑选紫砂壶\n紫砂壶的历史"]
)
def test_links_and_headings_at_the_end_are_cut(tail):
    assert block().format(f"{STEPS}\n{tail}") == STEPS


@pytest.mark.parametrize(
    "introduction",
    [
        "\n洗完以后怎样养一把新壶，使它泡出来的茶没有杂味，老茶客们总结的办法有这么几种：",
        "洗完以后怎样养一把新壶，使它泡出来的茶没有杂味，老茶客们总结的办法有这么几种：",  # behind other sentences
        "\n水垢比较厚的壶，要换一种更强的清洗剂，它的配方和各种材料的用量如下所示。",
        "\n水垢比较厚的壶，要换一种更强的清洗剂，它的配方和各种材料的用量见附件。",
        "\n养壶的办法\n洗完以后怎样养一把新壶，使它泡出来的茶没有杂味，老茶客们总结的办法有这么几种：\n\n办法一：",
    ],
)
def test_introductions_of_what_is_not_there_are_cut(introduction):
    cutter = block()
    assert cutter.format(STEPS + introduction) == STEPS
    assert cutter.stats["lines_removed"].total


def test_an_introduction_stays_where_too_little_or_nothing_finished_is_before_it():
    short = "洗茶壶用小苏打。洗完以后怎样养一把新壶，使它泡出来的茶没有杂味，老茶客们总结的办法有这么几种："
    open_text = STEPS.rstrip("。") + "\n洗完以后怎样养一把新壶，使它泡出来的茶没有杂味，老茶客们总结的办法有这么几种："
    assert block().format(short) == short
    assert block().format(open_text) == open_text


@pytest.mark.parametrize(
    "text",
    [
        STEPS,
        STEPS + "\n配方如下所示：小苏打两勺，白醋一勺，盐少许，先干拌再加温水，搅到没有颗粒为止。",
        STEPS + "\n五月四日",
        STEPS + "\n这样洗过的茶壶不会留下味道，放心用",
        STEPS + "\n1、软布\n2、小苏打",
        STEPS + "\n先洗\n再擦\n再冲\n再晾",
        "扫码关注我们，领取优惠券！\n点击下载养生大全APP\n版权所有，未经授权禁止转载！\n" + STEPS,  # more than a third
        STEPS + "\n民警提醒：说是扫码关注就送鸡蛋的，多半是骗局。",
    ],
)
def test_texts_that_stay(text):
    cutter = block()
    assert cutter.format(text) == text
    assert not cutter.stats["lines_removed"].total


@pytest.mark.parametrize(
    "words",
    ["总之，", "于是", "例如：", "此外还", "因此，", "其次", "然后是", "最后，", "同时，", "同时还", "也", "另外，"],
)
def test_a_connective_at_the_beginning_is_cut(words):
    cutter, text = block(), f"要先泡开旧茶垢。{STEPS}"
    assert cutter.format(words + text) == text
    assert cutter.stats["lines_removed"].total == 1
    assert block().format(f"{STEPS}\n{words}{text}") == f"{STEPS}\n{words}{text}"


@pytest.mark.parametrize(
    "beginning",
    [
        "于是非之间，",
        "最后一遍，",
        "同时满足这些的，",
        "也许，",
        "还原之后，",
        "因此该办法，",
        "因此，该办法，",
        "于是这件事，",
        "于是，这件事，",
        "然后，它",
        "同时，此处",
        "另外一种，",
        "然后呢？",
        "最后我",
    ],
)
def test_beginnings_that_stay(beginning):
    assert block().format(beginning + STEPS) == beginning + STEPS


def test_null_keeps_the_beginning():
    assert block(dataclasses.replace(LIMITS, opening_words=None)).format(f"总之，{STEPS}") == f"总之，{STEPS}"


@pytest.mark.parametrize("last", ["雪停了", "“知道了”他说", "作者 林某", "甲方 乙方 盖章", "您的孙子\n林某"])
def test_last_words_of_a_text_stay(last):
    assert block().format(f"{STEPS}\n{last}") == f"{STEPS}\n{last}"


def test_a_letter_keeps_its_signature():
    letter = f"亲爱的奶奶：\n{STEPS}\n林某"
    assert block().format(letter) == letter


def test_null_keeps_the_end():
    text = STEPS + "\n怎样挑选紫砂壶"
    assert block(dataclasses.replace(LIMITS, max_dangling_lines=None)).format(text) == text
