import pytest

from kun_recipes.privacy.digits import plain_digits


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
