"""Figures: Chinese text has its glyphs without any font of the system, and a figure is the same file twice."""

import warnings

from fontTools.ttLib import TTFont
from matplotlib.figure import Figure

from kun_recipes.reporting.drawing import FONT_FILE, save, style


def _draw() -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.barh(["哲学", "计算机科学"], [3, 5])
    axes.set_title("学科分布：前十，％")
    return figure


def test_the_font_has_what_chinese_labels_need():
    characters = TTFont(str(FONT_FILE)).getBestCmap()
    missing = [one for one in "学科行业文体年份长度优秀合格不合格清晰可行实用龘" if ord(one) not in characters]
    assert missing == ["龘"]  # outside GB 2312


def test_a_figure_has_no_missing_glyph_and_is_the_same_twice(tmp_path):
    with warnings.catch_warnings(), style():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that it lacks
        save(_draw(), tmp_path / "one")
        save(_draw(), tmp_path / "two")
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert svg == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert "<text" not in svg  # drawn as shapes
    assert (tmp_path / "one.png").stat().st_size > 1000
