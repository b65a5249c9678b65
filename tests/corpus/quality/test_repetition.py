from dataclasses import fields, replace

import numpy as np
import pytest

from kun_recipes.corpus.quality import DocumentRepetition, load_quality
from kun_recipes.corpus.quality.repetition import top_ngram, windows
from kun_recipes.text.views import encode, narrow

LIMITS = load_quality().repetition
CHARACTERS = [chr(0x4E00 + 7 * number) for number in range(2900)]


def find(text, limits=LIMITS):
    return DocumentRepetition(limits).find(narrow(text))


def prose(characters, seed=0):
    """Text without repetition: no rule can tell it from an article."""
    order = np.random.default_rng(seed).choice(CHARACTERS, characters)
    return "".join(order)


LINES = [prose(40, seed) + "。" for seed in range(20)]
SLOGAN = "点击这里马上领取大礼包。"


def spam(times):
    """A slogan, each time between other words."""
    return "".join(SLOGAN + prose(8, seed) for seed in range(times))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\n".join(LINES[:6] + LINES[:3]), "0.33 of the lines"),
        ("\n".join([*"甲乙丙丁戊己庚辛", prose(200) + "。", prose(200) + "。"]), "0.49 in duplicate lines"),
        ("\n\n".join([f"{LINES[0]}\n{LINES[1]}\n{LINES[2]}{n % 2}" for n in range(3)]), "of the lines"),
        (prose(100) + "".join("壹贰叁肆伍" + prose(6, seed) for seed in range(30)), "is 壹贰叁肆伍"),
        (prose(7000) + spam(100), "is 点击这里马"),  # at the end
        (spam(100) + prose(7000), "is 点击这里马"),  # at the start
        (prose(3000) + spam(100) + prose(3000, 1), "is 点击这里马"),  # in the middle
        ("".join(prose(40, seed % 15) + prose(3, seed) for seed in range(200)), "in duplicate 10-grams"),
    ],
)
def test_dropped(text, value):
    fault = find(text)
    assert fault.reason == "repetition"
    assert value in fault.value


@pytest.mark.parametrize(
    "text",
    [
        prose(3000),
        "\n".join(LINES),
        "\n".join([*LINES[:6], LINES[0]]),
        "\n\n".join([*LINES[:6], LINES[0]]),
        prose(300) + "\n" + "-" * 3000 + "\n" + "=" * 500 + "\n" + "0 " * 300,
        prose(20_000) + SLOGAN * 9 + prose(20_000, 1),  # a fault of a line in a book
        "".join(f"违反本法第{n}条规定，{prose(20, n)}的，由县级以上人民政府处五万元以下罚款。" for n in range(30)),
        "甲乙丙丁戊" * 20,  # too short for shares of n-grams
        "",
    ],
)
def test_near_misses_are_kept(text):
    assert find(text) is None


def test_null_disables_each_check():
    off = replace(LIMITS, **{field.name: None for field in fields(LIMITS) if field.name.startswith("max_")})
    texts = ["\n".join(LINES[:3] * 2), "\n\n".join(LINES[:3] * 2), SLOGAN * 50]
    assert all(find(text, off) is None for text in texts)
    for name in (field.name for field in fields(LIMITS) if field.name.startswith("max_")):
        assert any(find(text, replace(off, **{name: 0.1})) for text in texts), name
    paragraphs = "\n\n".join(["甲\n" + LINES[0], "乙\n" + LINES[1]] * 2)
    assert find(paragraphs, replace(off, max_duplicate_paragraph_share=0.3)).value == "0.50 of the paragraphs"


def test_windows_lie_at_the_start_in_the_middle_and_at_the_end():
    codes = np.arange(100)
    assert [(int(window[0]), len(window)) for window in windows(codes, 10)] == [(0, 10), (45, 10), (90, 10)]
    assert [len(window) for window in windows(codes, 34)] == [100]


def test_the_top_n_gram():
    assert top_ngram(encode("一二三一二四一二五"), 2, share=0.5) == (3, "一二")
    assert top_ngram(encode("一二三一二四一二五"), 2, share=0.9) == (0, "")
