import pytest

from kun_recipes.statistics.years import years_in


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("2021年，他毕业了；１９９８年出生。", {2021, 1998}),
        ("时间：2021年", {2021}),
        ("二〇二一年、二零零八年与一九八四年", {2021, 2008, 1984}),
        ("2019—2021年的数据", {2019, 2021}),
        ("2019年至2021年", {2019, 2021}),
        ("发布于2021-05-03，更新于2022/6/7", {2021, 2022}),
        ("电话13820211234，座机010-2021年", set()),
        ("售价￥2021年费", set()),
        ("共2021元，编号A2021年", set()),
        ("已有2000年的历史，2000多年前", set()),
        ("版本1.2021.5.3，编号2021", set()),
        ("1821年，3021年，二十一年", set()),
    ],
)
def test_years_as_chinese_text_writes_them(text, years):
    assert years_in(text) == years
