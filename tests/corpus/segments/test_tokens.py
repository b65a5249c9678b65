import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.corpus.segments.token_sample import SAMPLE
from kun_recipes.corpus.segments.tokens import TokenEstimate, count_exactly, load_estimate
from kun_recipes.errors import UserError

WORDS = ("中国", "国家", "家人", "人民", "委员", "委员会", "政府", "人民政府", *"中国家人民政府委员会的")


def characters(texts) -> list[int]:
    return [len(text) for text in texts]


def longest_words(texts) -> list[int]:
    """A tokenizer of Han text that takes the longest word at each place."""
    counts = []
    for text in texts:
        count = 0
        while text:
            size = next((size for size in (4, 3, 2) if text[:size] in WORDS), 1)
            count, text = count + 1, text[size:]
        counts.append(count)
    return counts


@given(text=st.text(min_size=1, max_size=300))
def test_one_token_per_character(text):
    """Every character is counted, outside the basic plane, lone surrogates and all."""
    estimate = TokenEstimate(characters, margin_han=1.5, margin_other=1.5)
    likely, bound = estimate.measure(text, [0])
    assert likely[0] == pytest.approx(len(text), rel=1e-4)
    assert bound[0] == pytest.approx(1.5 * len(text), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("中国", 1),
        ("中国的国家", 3),
        ("中国家人民", 3),  # of words that overlap the first and the third
        ("委员会", 1),
        ("人民政府的委员会", 3),
        ("府政民人", 4),
    ],
)
def test_words_of_the_vocabulary_save_tokens(text, tokens):
    estimate = TokenEstimate(longest_words, WORDS)
    saved = len(text) - tokens
    per_saving = -estimate._per_saving
    assert longest_words([text]) == [tokens]
    assert estimate.measure(text, [0]).likely[0] == pytest.approx(len(text) - saved * per_saving, abs=1e-4)


def test_pieces_add_up_in_long_text():
    """Pieces are measured alike, however the text is cut for the work."""
    estimate = TokenEstimate(characters)
    text = "，".join(SAMPLE) * 60
    assert len(text) > 2 * (1 << 16)
    starts = [0, 10, 5_000, 1 << 16, (1 << 16) + 1, 100_000]
    measure = estimate.measure(text, starts)
    assert measure.likely.tolist() == pytest.approx(np.diff([*starts, len(text)]).tolist(), rel=1e-4)


def test_estimate_of_a_tokenizer(tiny_model, repository):
    """Three bytes a Han character, one a letter: the byte-level tokenizer is met exactly."""
    estimate = load_estimate(str(tiny_model))
    corpus = repository / "recipes" / "demo" / "data" / "corpus" / "wudao" / "part-000.json"
    texts = [document["content"] for document in json.loads(corpus.read_text(encoding="utf-8"))]
    for text, count in zip(texts, count_exactly(str(tiny_model), texts), strict=True):
        assert estimate.measure(text, [0]).likely[0] == pytest.approx(count, rel=0.03)
        assert estimate.measure(text, [0]).bound[0] > count


def test_estimate_survives_pickling():
    first, second = (
        TokenEstimate(longest_words, WORDS),
        pickle.loads(pickle.dumps(TokenEstimate(longest_words, WORDS))),
    )
    for text in SAMPLE:
        assert first.measure(text, [0]).likely[0] == second.measure(text, [0]).likely[0]


def test_exact_count(tiny_model):
    assert count_exactly(str(tiny_model), ["字", "字a", ""]) == [3, 4, 0]
    assert count_exactly(str(tiny_model), []) == []


def test_no_tokenizer(tmp_path):
    with pytest.raises(UserError, match="no tokenizer can be loaded"):
        count_exactly(str(tmp_path), ["字"])
