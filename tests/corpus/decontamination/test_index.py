import dataclasses

import numpy as np
import pytest

from kun_recipes.corpus.decontamination import DecontaminationSettings, Question, build_index
from kun_recipes.corpus.decontamination.index import load_index

STEM = "冬季的哈尔滨比广州寒冷得多，造成这种差异的原因是"  # 23 letters
OPTIONS = ("海陆位置不同", "纬度位置不同", "地形起伏不同", "洋流性质不同")  # 24 letters, 28 with A to D


@pytest.mark.parametrize(
    ("question", "letters", "alone"),
    [
        (Question("q", STEM, OPTIONS), [23, 24, 28], [False] * 3),
        (Question("q", "最长的河", ("黄河", "长江", "珠江", "淮河")), [16], [False]),  # with A to D: 4 + 8 + 4
        (Question("q", "最长的", ("黄河", "长江", "珠江", "淮河")), [], []),
        (Question("q", "我国最长的河", ("黄河", "长江", "珠江", "淮河")), [18], [False]),
        (Question("q", "我国最长的河流是", ("黄河", "长江", "珠江", "淮河")), [8, 16, 20], [True, False, False]),
        (Question("q", "短", OPTIONS), [24, 28, 25, 29], [False] * 4),
        (Question("q", STEM), [23], [False]),
        (Question("q", "介绍一下景德镇的瓷器"), [10], [True]),
        (Question("q", "介绍景德镇的瓷器"), [8], [True]),
        (Question("q", "介绍景德镇瓷器"), [], []),
        (Question("q", "……"), [], []),
    ],
)
def test_parts_of_a_question_that_are_searched(question, letters, alone):
    index = build_index([question])
    assert (index.part_letters.tolist(), index.part_alone.tolist()) == (letters, alone)


def test_stem_of_common_phrases_is_searched_with_its_options():
    frame = "下列关于我国古代各种制度的说法当中正确的是"
    questions = [Question(f"q{number}", frame, (chr(0x4E00 + number) * 4,) * 4) for number in range(11)]
    index = build_index(questions)
    # the options, and the n-grams that end in them; one that ends in "A" stands in all questions too
    assert set(index.part_letters.tolist()) == {16, 20, 16 + 7, 20 + 6}
    assert len(build_index(questions[:10]).part_letters) == 10 * 3  # the stem is no phrase of many questions then


def test_saved_index_loads_unchanged(tmp_path):
    settings = DecontaminationSettings(ngram=9, share=0.6)
    index = build_index([Question("a/1", STEM, OPTIONS), Question("b/2", STEM)], settings)
    index.save(tmp_path / "index.npz")
    loaded = load_index(tmp_path / "index.npz")
    assert loaded.settings == settings
    for field in dataclasses.fields(index)[1:]:
        assert np.array_equal(getattr(loaded, field.name), getattr(index, field.name)), field.name
    assert [file.name for file in tmp_path.iterdir()] == ["index.npz"]
    assert load_index(tmp_path / "index.npz") is loaded


def test_index_without_questions_is_empty():
    assert len(build_index([]).grams) == 0
