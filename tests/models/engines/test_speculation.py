"""A vLLM that guesses tokens ahead writes the greedy text of transformers, and reads the model's own probabilities."""

from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from kun_recipes.models.engines.base import Sampling
from tests.models.engines.conftest import load

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

TEXTS = ["什么是钙肥？", "泡菜" * 20, "黄山在安徽省南部，山上多松树，常年有云海。", "Why?" * 9]
PROMPTS = [[{"role": "user", "content": text}] for text in TEXTS]
CHOICES = ["A", "B", "C"]
TOLERANCE = 1e-4


@pytest.fixture
def engine(tiny_model):
    return load("vllm", tiny_model, speculative_tokens=4)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_guessing_changes_neither_greedy_text_nor_its_logprob(engine, tiny_model, greedy, brute_force, penalty):
    completions = engine.generate(PROMPTS, Sampling(96, repetition_penalty=penalty))
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        tokens = greedy(tiny_model, prompt, 96, penalty)
        assert completion.text == engine.chats.decode(tokens)
        expected = brute_force(prompt, tokens)
        assert completion.logprob == pytest.approx(sum(expected) / len(expected), abs=TOLERANCE)


def test_reading_beside_writing_gives_the_models_own_probabilities(engine, brute_force):
    with ThreadPoolExecutor(1) as other:
        writing = other.submit(engine.generate, PROMPTS * 4, Sampling(96))
        chosen, scores = engine.choose(PROMPTS, CHOICES), engine.score(PROMPTS, TEXTS)
        texts = [completion.text for completion in writing.result()]
    assert texts == [completion.text for completion in engine.generate(PROMPTS, Sampling(96))] * 4
    for prompt, text, logprobs, score in zip(PROMPTS, TEXTS, chosen, scores, strict=True):
        joint = numpy.array([sum(brute_force(prompt, choice)) for choice in CHOICES])
        assert logprobs == pytest.approx((joint - numpy.logaddexp.reduce(joint)).tolist(), abs=TOLERANCE)
        expected = brute_force(prompt, text)
        assert score == pytest.approx(sum(expected) / len(expected), abs=TOLERANCE)


def test_sampling_with_speculation_is_refused(engine):
    with pytest.raises(ValueError, match="generates greedy texts only"):
        engine.generate(PROMPTS, Sampling(4, temperature=1.0), [1, 2, 3, 4])
