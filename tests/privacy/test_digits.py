import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.privacy.digits import RUN, TABLE, plain_digits


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
    assert plain_digits(text) == RUN.sub(lambda run: run[0].translate(TABLE), text)
