"""The statistics of a set against numbers counted by hand."""

import json
from pathlib import Path

import pytest

from kun_recipes.data.pairs import Pair, PairSet, Sample
from kun_recipes.errors import UserError
from kun_recipes.statistics.tally import NearDuplicates, Tally, compare_grams, tally_set

POEM = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"
OTHER = "催化剂能改变化学反应速率，而自身的质量和化学性质在反应前后都不发生变化，它参与反应的中间过程。"


def write_rows(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def count_characters(texts):
    return [len(text) for text in texts]


def test_sets_are_compared_over_equal_numbers_of_characters():
    long, short = [Pair("天地" * 9, "天地")], [Pair("天地", "人和日月")]
    statistics = compare_grams({"long": long, "short": short})
    assert statistics["long"]["instruction"] == {"characters": 2, **statistics["short"]["instruction"]}
    assert statistics["long"]["output"]["characters"] == 2


def test_a_sample_depends_on_no_order():
    pairs = [Pair("问", "答", id=str(number)) for number in range(50)]
    forth, back = Sample(7), Sample(7)
    for pair in pairs:
        forth.add(pair)
    for pair in reversed(pairs):
        back.add(pair)
    assert forth.pairs() == back.pairs()
    assert len(set(forth.pairs())) == 7
    assert forth.pairs() != pairs[:7]


def test_a_set_is_counted_in_one_pass(tmp_path):
    rows = [
        {"id": "a", "source": "wudao", "instruction": "写一首诗。", "output": POEM},
        {"id": "b", "source": "wudao", "instruction": "写一首诗！", "output": POEM},
        {"id": "c", "source": "skypile", "instruction": "催化剂是什么？", "output": OTHER + "2021年。"},
        {"id": "d", "source": "skypile", "instruction": "天气", "output": "1999年晴，2021年雨。"},
        {"id": "e", "source": "skypile", "instruction": "  ", "output": "无"},
    ]
    pairs = PairSet("data", str(write_rows(tmp_path / "rows.jsonl", rows)))
    tally = Tally(2022, Sample(10))
    near = tally_set(pairs, tally, count_characters, NearDuplicates(tmp_path / "scratch"))
    statistics = tally.statistics(near, {})
    assert (statistics["rows"], statistics["unusable"]) == (4, 1)
    assert statistics["sources"] == {"wudao": {"rows": 2, "share": 0.5}, "skypile": {"rows": 2, "share": 0.5}}
    assert statistics["forms"]["imperative"] == {"rows": 2, "share": 0.5}
    assert statistics["forms"]["question"]["rows"] == statistics["forms"]["other"]["rows"] == 1
    assert statistics["first_verbs"]["top"] == {"写": 2}
    assert statistics["question_words"]["top"] == {"什么": 1}
    assert statistics["lengths"]["instruction"]["max"] == 7
    assert statistics["years"]["all"] == {"1999": 1, "2021": 2}
    assert list(statistics["years"]["last_20"]) == [str(year) for year in range(2003, 2023)]
    assert statistics["years"]["last_20"]["2021"] == 2
    assert statistics["years"]["rows_with_year"] == 2
    assert statistics["near_duplicates"] == {"rows": 2, "clusters": 1, "share": 0.5}
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"instruction": "问"}], "no column output; found instruction"),
        ([{"instruction": "", "output": "答"}], "1 of 1 rows have no pair: 1 empty_instruction"),
        ([], "no pair with an instruction and an output"),
    ],
)
def test_a_set_without_pairs_or_columns_is_refused(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        PairSet("data", str(write_rows(tmp_path / "rows.jsonl", rows))).check()
