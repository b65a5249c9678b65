"""What stands exactly at a limit of the quality file, and what is one step beyond it."""

from dataclasses import replace

import pytest

from kun_recipes.corpus.quality import CutLines, DocumentCharacters, DocumentKeywords, DocumentLines, load_quality
from kun_recipes.corpus.quality.cutting import CutLimits
from kun_recipes.corpus.quality.repetition import DocumentRepetition, exceeds
from kun_recipes.corpus.quality.settings import CharacterLimits, KeywordDensity, LineLimits
from kun_recipes.rules.keywords import KeywordList
from kun_recipes.text.phrases import Phrases

NO_LIMITS = CharacterLimits(None, None, None, (), None, 0, None, None, None, None)
TEN = "水一二三四五，七1＋"  # ten characters: one mark, one digit, one symbol


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"min_characters": 10}, None),
        ({"min_characters": 11}, "too_short"),
        ({"max_characters": 10}, None),
        ({"max_characters": 9}, "too_long"),
        ({"min_punctuation_share": 0.1}, None),
        ({"min_punctuation_share": 0.11}, "punctuation_share"),
        ({"max_punctuation_share": 0.1}, None),
        ({"max_punctuation_share": 0.09}, "punctuation_share"),
        ({"max_digit_share": 0.1}, None),
        ({"max_digit_share": 0.09}, "digit_share"),
        ({"max_digit_share": 0.09, "min_measured": 10}, "digit_share"),
        ({"max_digit_share": 0.09, "min_measured": 11}, None),
        ({"max_symbol_share": 0.09}, "symbol_share"),
    ],
)
def test_characters(limits, reason):
    fault = DocumentCharacters(replace(NO_LIMITS, **limits)).find(TEN)
    assert (fault and fault.reason) == reason


def test_symbols_of_formulas_do_not_count():
    limits = replace(NO_LIMITS, max_symbol_share=0.1)
    text = "设两边满足等式，求斜边的长度是多少。"
    assert DocumentCharacters(limits).find(f"{text}$a^2+b^2=c^2$") is None
    assert DocumentCharacters(limits).find(f"{text}★☆◆★☆◆").reason == "symbol_share"


LINES = "灯塔\n站在礁石上\n为船亮着\n潮水来了又去\n守塔的人老了。"  # one of five ends; 4 open lines in 21 characters
OPEN = LineLimits(None, 100, None, 5, None)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"min_sentence_share": 0.2}, None),
        ({"min_sentence_share": 0.21}, "few_sentence_ends"),
        ({"min_sentence_share": 0.21, "min_lines": 6}, None),
        ({"min_sentence_share": 0.21, "long_line": 6}, None),
        ({"max_open_lines_per_character": 4 / 24}, None),
        ({"max_open_lines_per_character": 0.16}, "short_lines"),
        ({"max_open_lines_per_character": 0.16, "min_said_share": 0.6}, None),
        ({"max_open_lines_per_character": 0.16, "min_said_share": 0.61}, "short_lines"),
    ],
)
def test_lines(limits, reason):
    fault = DocumentLines(replace(OPEN, **limits)).find(LINES)
    assert (fault and fault.reason) == reason


@pytest.mark.parametrize(
    ("text", "different", "per_thousand", "dropped"),
    [
        ("买" + "字" * 99, 1, 10, True),
        ("买" + "字" * 100, 1, 10, False),
        ("买卖" + "字" * 98, 2, 10, True),
        ("买买" + "字" * 98, 2, 10, False),
    ],
)
def test_keywords(text, different, per_thousand, dropped):
    density = KeywordDensity("advertising", different, per_thousand, Phrases(["买", "卖"]), None, 0)
    assert (DocumentKeywords([density]).find(text) is not None) == dropped


@pytest.mark.parametrize(("share", "limit", "over"), [(0.5, 0.5, False), (0.51, 0.5, True), (0.9, None, False)])
def test_repetition(share, limit, over):
    assert exceeds(share, limit) == over


NAMES = "\n".join(
    f"get_{name}  返回这一项的数值，没有则返回空值。" for name in ("rows", "size", "name", "path", "kind")
)


@pytest.mark.parametrize(("min_names", "dropped"), [(None, True), (5, False), (6, True)])
def test_references_of_functions_may_repeat_themselves(min_names, dropped):
    limits = replace(load_quality().repetition, min_measured=0, min_names=min_names)
    assert (DocumentRepetition(limits).find(NAMES) is not None) == dropped


GOOD = "好好学习。"
LISTS = [
    KeywordList("ad", 1, Phrases(["甲广告"])),
    KeywordList("ad", 1, Phrases(["告。乙"])),
    KeywordList("pair", 2, Phrases(["丙广告", "丁广告"])),
]
CUT = CutLimits(("ad", "pair"), 10, 1.0, None, 10, 0)


@pytest.mark.parametrize(
    ("text", "limits", "left"),
    [
        ("甲广告一。二三四五。\n" + GOOD, {}, GOOD),
        ("甲广告一。二三四五。\n" + GOOD, {"max_line": 9}, "二三四五。\n" + GOOD),
        ("甲广告一。二三四五。\n" + GOOD, {"reasons": ("pair",)}, None),
        ("甲广告。\n" + GOOD, {"min_left": 5}, GOOD),
        ("甲广告。\n" + GOOD, {"min_left": 6}, None),
        ("甲广告。\n" + GOOD, {"max_share": 0.5}, GOOD),
        ("甲广告。\n" + GOOD, {"max_share": 0.49}, None),
        ("丙广告。\n" + GOOD, {}, None),
        ("丙广告。丁广告。\n" + GOOD, {}, GOOD),
        ("甲广告。乙事情。" + GOOD, {"max_line": 3}, GOOD),
        (GOOD + "\n相关内容", {"max_dangling_lines": 1, "min_left": 5}, GOOD),
        (GOOD + "\n相关内容", {"max_dangling_lines": 1, "min_left": 6}, None),
        (GOOD + "\n相关内容\n挑选茶壶", {"max_dangling_lines": 1}, None),
        (GOOD + "\n相关内容\n挑选茶壶", {"max_dangling_lines": 2}, GOOD),
        (GOOD + "\n挑选茶壶的一些办法", {"max_dangling_lines": 1, "max_dangling_characters": 9}, GOOD),
        (GOOD + "\n挑选茶壶的一些办法", {"max_dangling_lines": 1, "max_dangling_characters": 8}, None),
    ],
)
def test_cuts(text, limits, left):
    cutter = CutLines(replace(CUT, **limits), LISTS, None)
    assert cutter.format(text) == (text if left is None else left)
    assert bool(cutter.stats["lines_removed"].total) == (left is not None)
