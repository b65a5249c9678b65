import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.privacy.digits import DISGUISED, PLAIN, close_digits, plain_digits
from kun_recipes.privacy.numbers import LONG_NUMBER


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("拨一三八零零一三八零零零", "拨13800138000"),
        ("壹叁捌-〇〇〇〇-①①①①", "138-0000-1111"),
        ("幺三八❶❷⓪⓿𝟙𝟝¹²", "13812001512"),
        ("李1868765432一", "李18687654321"),
        ("二〇二三年，①②③，一二三四。", "二〇二三年，①②③，一二三四。"),
        ("二十五、三百六十五、一个", "二十五、三百六十五、一个"),
    ],
)
def test_runs_of_disguised_digits_are_read_character_for_character(text, plain):
    assert plain_digits(text) == plain


@given(st.text(alphabet="1三①-. 年", max_size=40))
def test_the_quick_look_misses_no_run(text):
    assert close_digits(text) == DISGUISED or plain_digits(text) == text


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("三一年生1234五", DISGUISED),
        ("1-三.—2 ·3 - 4年", DISGUISED),
        ("12345", PLAIN),
        ("12345年前的那本书如今已经无人问津，共有三章", PLAIN),
        ("1年2月3日4时5分", PLAIN),
        ("1234年", 0),
        ("二〇二三年", 0),
        ("第一条至少要有三项，第二条有五项以上", 0),
        ("", 0),
    ],
)
def test_close_digits(text, digits):
    assert close_digits(text) == digits


@given(st.text(alphabet="1234-. ,)年", max_size=40))
def test_a_long_number_has_close_digits(text):
    assert close_digits(text) or not LONG_NUMBER.search(text)
