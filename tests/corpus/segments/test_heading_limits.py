"""Headings exactly at their limits: how long one is, how many follow each other."""

from dataclasses import replace

import pytest

from kun_recipes.corpus.quality import load_quality
from kun_recipes.corpus.segments.context import LeansOnContext, load_context
from kun_recipes.corpus.segments.lines import parse_lines
from kun_recipes.corpus.segments.selection import _under_heading

TEXT = "先把小苏打撒在壶里，倒入热水没过茶垢，静置半个小时。"


@pytest.mark.parametrize(
    ("above", "headings"),
    [
        (["字" * 32], [True]),
        (["字" * 33], [False]),
        (["他先走了。我留下"], [False]),
        (["茶具", "茶壶", "茶垢"], [True, True, True]),
        (["茶具", "茶壶", "茶垢", "方法"], [False] * 4),
        (["茶具", "茶壶", "茶垢", "1.2 方法"], [False, False, False, True]),
    ],
)
def test_short_lines_above_a_text(above, headings):
    lines = parse_lines("\n".join([*above, TEXT]))
    assert [line.heading for line in lines] == [*headings, False]


@pytest.mark.parametrize(("length", "under"), [(32, True), (33, False)])
def test_a_segment_under_a_heading(length, under):
    assert _under_heading("字" * length + "\n" + TEXT) == under


@pytest.mark.parametrize(("length", "is_text"), [(20, False), (21, True)])
def test_a_line_longer_than_a_heading_is_text(length, is_text):
    rule = LeansOnContext(replace(load_context(), max_heading=20), load_quality().lines)
    assert (rule.find("字" * length) is None) == is_text
