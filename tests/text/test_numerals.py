"""Numbers as Chinese texts write them."""

import re

import pytest

from kun_recipes.text.numerals import NUMERAL, about, bounds, value


@pytest.mark.parametrize(
    ("numeral", "number"),
    [
        ("320", 320),
        ("1,200", 1200),
        ("3.2万", 32_000),
        ("1亿2000万", 120_000_000),
        ("3万5", 35_000),
        ("5百万", 5_000_000),
        ("2万亿", 2_000_000_000_000),
        ("十", 10),
        ("十五", 15),
        ("二十", 20),
        ("两百", 200),
        ("三百五", 350),
        ("三百零五", 305),
        ("三百二十五", 325),
        ("一万两千", 12_000),
        ("五万三千六百二十一", 53_621),
        ("一亿二千万", 120_000_000),
        ("三百二十万零五百", 3_200_500),
        ("十万", 100_000),
        ("三点五", 3.5),
        ("三点一四", 3.14),
        ("三点五万", 35_000),
        ("二〇〇八", 2008),
        ("一九四九", 1949),
        ("壹佰贰拾", 120),
    ],
)
def test_value_of_a_numeral(numeral, number):
    assert re.fullmatch(NUMERAL, numeral)
    assert value(numeral) == pytest.approx(number)


@pytest.mark.parametrize(
    ("numeral", "least", "most"),
    [("七八", 7, 8), ("三四十", 30, 40), ("十七八", 17, 18), ("五六百", 500, 600), ("七", 7, 7), ("七五", 75, 75)],
)
def test_neighbours_are_bounds(numeral, least, most):
    assert bounds(numeral) == (least, most)


@pytest.mark.parametrize(("number", "next_one"), [(300, 400), (10, 20), (5, 6), (10_000, 20_000), (320, 330)])
def test_more_than_a_number_stays_under_the_next(number, next_one):
    assert number < about(number) < next_one


@pytest.mark.parametrize("word", ["百姓", "千万", "万一", "亿万", "点"])
def test_scale_alone_is_no_numeral(word):
    assert not re.search(NUMERAL, word.removesuffix("一"))


@pytest.mark.parametrize(("text", "found"), [("三两", "三"), ("八点五十分", "八"), ("一千零一夜", "一千零一")])
def test_numeral_ends_where_its_unit_begins(text, found):
    assert re.match(NUMERAL, text)[0] == found
