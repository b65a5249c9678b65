from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.text.grams import covered, gram_hashes, repeats
from kun_recipes.text.views import encode

TEXTS = st.text(alphabet="甲乙丙a\U0001f600", max_size=60)


@given(TEXTS, st.integers(1, 20))
def test_equal_n_grams_have_equal_hashes(text, n):
    if len(text) >= n:
        grams = [text[start : start + n] for start in range(len(text) - n + 1)]
        hashes = gram_hashes(encode(text), n).tolist()
        assert Counter(Counter(grams).values()) == Counter(Counter(hashes).values())
        assert len(set(zip(grams, hashes, strict=True))) == len(set(grams))


@given(TEXTS, st.integers(1, 8))
def test_repeats_are_successive_occurrences(text, n):
    last, expected = {}, set()
    for start in range(len(text) - n + 1):
        if (gram := text[start : start + n]) in last:
            expected.add((last[gram], start))
        last[gram] = start
    earlier, later = repeats(encode(text), n)
    assert set(zip(earlier.tolist(), later.tolist(), strict=True)) == expected
    places = {place for start in later.tolist() for place in range(start, start + n)}
    assert covered(later, n) == len(places)


@pytest.mark.parametrize(("text", "n"), [("", 1), ("", 3), ("甲乙", 3), ("甲乙丙", 3)])
def test_short_texts_have_no_repeats(text, n):
    assert covered(repeats(encode(text), n)[1], n) == 0
