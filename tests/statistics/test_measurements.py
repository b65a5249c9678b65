"""Every measurement of texts against numbers counted by hand."""

from collections import Counter

import pytest

from kun_recipes.statistics.measurements import distinct_grams, length_statistics, word_statistics, years_in


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


def test_lengths_are_nearest_rank_percentiles_and_bins():
    statistics = length_statistics(Counter({2: 1, 5: 2, 12: 1}), (0, 5, 10))
    assert (statistics["mean"], statistics["min"], statistics["max"], statistics["median"]) == (6.0, 2, 12, 5)
    assert statistics["percentiles"]["25"] == 2
    assert statistics["percentiles"]["75"] == 5
    assert statistics["percentiles"]["95"] == 12
    assert statistics["bin_rows"] == [1, 2, 1]  # [0, 5), [5, 10), [10, ...)


def test_words_have_counts_and_an_entropy_in_bits():
    statistics = word_statistics(Counter({"写": 2, "列": 1, "说": 1}), rows=8)
    assert (statistics["rows"], statistics["share"], statistics["words"], statistics["entropy_bits"]) == (
        4,
        0.5,
        3,
        1.5,
    )
    assert list(statistics["top"]) == ["写", "列", "说"]
    assert word_statistics(Counter(), 0)["entropy_bits"] == 0


def test_distinct_grams_stay_within_texts_and_the_character_budget():
    assert distinct_grams(["天天，天", "地天"], 5) == {
        "distinct_1": 2 / 5,
        "distinct_2": 2 / 3,  # 天天 天天, 地天
        "distinct_3": 1.0,
        "distinct_4": 0.0,
    }
    assert distinct_grams(["天地人和", "天地"], 4)["distinct_1"] == 1.0
