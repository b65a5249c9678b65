"""Likeness of a written instruction to a person's."""

import pytest

from kun_recipes.rounds.likeness import likeness


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("介绍大熊猫", "介绍大熊猫", 1.0),
        ("介绍大熊猫。", "介绍，大熊猫", 1.0),  # punctuation does not count
        ("ＡＢ", "介绍", 0.0),
        ("", "介绍", 0.0),
        ("介绍", "", 0.0),
        ("。。", "介绍", 0.0),
        # by hand: unigrams 1/2 and 1/3, bigrams 0: precision 1/4, recall 1/6, F2 = 5 x 1/24 / (1 + 1/6)
        ("水火", "水木金", 5 / 24 / (1 + 1 / 6)),
        # by hand: unigrams 2/2 and 2/4, bigrams 1/1 and 1/3: precision 1, recall 5/12, F2 = 5 x 5/12 / (4 + 5/12)
        ("水火", "水火木金", 25 / 12 / (4 + 5 / 12)),
        # a character that is repeated counts as often as the other has it: 1/3 and 1/1
        ("水水水", "水", 5 / 3 / (4 / 3 + 1)),
    ],
)
def test_likeness_is_chrf(text, reference, expected):
    assert likeness(text, reference) == pytest.approx(expected)
