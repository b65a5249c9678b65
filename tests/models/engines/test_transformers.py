"""What is the transformers engine's own: how it makes its batches."""

import pytest

from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.transformers import TransformersEngine

pytestmark = pytest.mark.slow

SYSTEM = {"role": "system", "content": "请判断输入的文本是不是一个问题或祈使句。"}
TEXTS = ["什么是钙肥？", "泡菜", "黄山在安徽省南部，山上多松树，常年有云海。", "Why?", "一"]
SHARING = [[SYSTEM, {"role": "user", "content": text}] for text in TEXTS]


@pytest.fixture(scope="module")
def engine(tiny_model) -> TransformersEngine:
    return TransformersEngine(EngineSettings("transformers", str(tiny_model), "float32"))


def test_batch_holds_8192_tokens_by_default(engine, tiny_model):
    assert engine.max_batch_tokens == 8192
    smaller = TransformersEngine(EngineSettings("transformers", str(tiny_model), "float32", max_batch_tokens=400))
    assert smaller.max_batch_tokens == 400


@pytest.mark.parametrize("max_batch_tokens", [1, 400])
def test_results_do_not_depend_on_the_batch_size(engine, max_batch_tokens, monkeypatch):
    def ask() -> tuple:
        return (
            engine.generate(SHARING, Sampling(12, repetition_penalty=1.2)),
            engine.choose(SHARING, ["A", "B"]),
            engine.choose(SHARING, ["是", "否定"]),
            engine.score(SHARING, TEXTS),
        )

    written, *logprobs = ask()
    monkeypatch.setattr(engine, "max_batch_tokens", max_batch_tokens)
    written_again, *logprobs_again = ask()
    assert [completion.text for completion in written_again] == [completion.text for completion in written]
    for before, after in zip(logprobs, logprobs_again, strict=True):
        for one, other in zip(before, after, strict=True):
            assert other == pytest.approx(one, abs=1e-5)


@pytest.fixture
def shapes(engine, monkeypatch) -> list[tuple[int, ...]]:
    """The shapes of the token ids that the model is given, in order."""
    seen: list[tuple[int, ...]] = []
    forward = engine.model.forward

    def spy(**inputs):
        seen.append(tuple(inputs["input_ids"].shape))
        return forward(**inputs)

    monkeypatch.setattr(engine.model, "forward", spy)
    return seen


def test_the_shared_beginning_is_encoded_once(engine, shapes):
    engine.choose(SHARING, ["A", "B"])
    beginning, batch = shapes
    longest = max(engine.count_tokens(SHARING))
    assert beginning[0] == 1 and beginning[1] > len(SYSTEM["content"])
    assert batch == (len(SHARING), longest - beginning[1])


def test_equal_prompts_are_read_once(engine, shapes):
    engine.generate([SHARING[0]] * 3 + [SHARING[1]] * 3, Sampling(2, temperature=1.0), range(6))
    _, batch, step = shapes
    assert (batch[0], step) == (2, (6, 1))


def test_logits_are_computed_at_the_targets_only(engine, monkeypatch):
    kept = []
    forward = engine.model.forward

    def spy(**inputs):
        output = forward(**inputs)
        kept.append(output.logits.shape[1])
        return output

    monkeypatch.setattr(engine.model, "forward", spy)
    engine.score(SHARING, ["abc"] * len(SHARING))
    assert max(kept) == 3
