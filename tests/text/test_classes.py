import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.text import classes as classes
from kun_recipes.text.views import HAN, ZERO_WIDTH, decode, encode, narrow, without_whitespace


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("中々〇\u3400\U00020000", classes.HAN_CHARACTER),
        ("あアㄅ", classes.KANA),
        ("aZéΩжⅣ", classes.LETTER),
        ("09", classes.DIGIT),
        ("・\u0375", classes.ODD_WORD),
        (",.。、“”《》…—·", classes.PUNCTUATION),
        ("+=#@①℃→│_", classes.SYMBOL),
        ("\ufffd\ue000\x00\x7f", classes.LOST),
        (" \t\n\u3000\xa0\u200b\ufeff", classes.SPACE),
        ("\x1c\x85", classes.LOST_SPACE),
        ("😀\u0e01\u2800\ud800", classes.OTHER),
    ],
)
def test_classes(characters, kind):
    assert classes.classes(characters).tolist() == [kind] * len(characters)


@given(st.text(alphabet=st.one_of(st.characters(codec=None), st.sampled_from(" 　a1。中\x85\u200b"))))
def test_counts_agree_with_expressions(text):
    assert classes.count_solid(text) == len(without_whitespace(text))
    assert classes.class_counts(text)[classes.HAN_CHARACTER] == len(re.findall(f"[{HAN}]", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第一章……………9", "第一章…9"),
        ("a----b==c", "a-b==c"),
        ("1 0 0 0 0", "10"),
        ("啊啊啊啊 aaaa", "啊啊啊啊aaaa"),
        ("……", "……"),
        ("", ""),
    ],
)
def test_pack_shortens_runs_of_one_mark(text, expected):
    codes, kinds = classes.pack(text)
    assert decode(codes) == expected
    assert kinds.tolist() == classes.classes(expected).tolist()


@given(st.text(alphabet=st.characters(codec=None)))
def test_decode_inverts_encode(text):
    assert decode(encode(text)) == text


@pytest.mark.parametrize("times", [1, 100])
def test_narrow_is_the_same_for_short_and_long_texts(times):
    assert narrow("ＡＢ（１）：“｢中｣”　￥😀\ud800" * times) == "AB(1):“「中」” ¥😀\ud800" * times


@given(st.text(alphabet=st.one_of(st.characters(codec=None), st.sampled_from(ZERO_WIDTH + " \n\x1c\u2028"))))
def test_without_whitespace(text):
    assert without_whitespace(text) == re.sub(rf"[\s{ZERO_WIDTH}]+", "", text)
