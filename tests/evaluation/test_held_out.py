import math

import pytest

from kun_recipes.data.pairs import load_pairs, split_pairs
from kun_recipes.errors import UserError
from kun_recipes.evaluation.held_out import AnswerPairs, ReadPairs, held_out_pairs, pair_prompt
from kun_recipes.models.engines import load_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.rules import load_rules
from kun_recipes.rules.keywords import Refusal

pytestmark = pytest.mark.slow

SEEDS = "recipes/demo/data/seeds.jsonl"
COLUMNS = ("instruction", "output")


@pytest.fixture
def pairs(in_repository):
    return held_out_pairs(SEEDS, *COLUMNS, 0.1, None)


def block(engine, format="chat", tokens=8):
    return AnswerPairs(engine, Sampling(tokens), 0, format, Refusal("answer", load_rules(None).refusal))


def test_pairs_are_those_held_out_by_the_trainings(pairs):
    seeds, _ = load_pairs(SEEDS, *COLUMNS)
    _, held_out = split_pairs(seeds, 0.1)
    assert pairs == held_out and len(pairs) == 7
    assert held_out_pairs(SEEDS, *COLUMNS, 0.1, 3) == held_out[:3]


def test_missing_held_out_pairs_are_an_error(in_repository):
    with pytest.raises(
        UserError, match=r"^recipes/demo/data/seeds\.jsonl: no pair is held out with held_out_share: 0"
    ):
        held_out_pairs(SEEDS, *COLUMNS, 0, None)


@pytest.mark.parametrize("format", ["chat", "plain"])
def test_references_are_scored_and_answers_written(pairs, plain_engine, chat_engine, format):
    settings = plain_engine if format == "plain" else chat_engine
    rows = list(ReadPairs(pairs[:3]).run())
    assert block(settings, format).filter_batch(rows) == [True] * 3
    prompts = [pair_prompt(pair.instruction, format) for pair in pairs[:3]]
    assert prompts[0][0]["content"].endswith("\n") == (format == "plain")
    engine = load_engine(settings)
    scores = engine.score(prompts, [pair.output for pair in pairs[:3]])
    for row, score, completion in zip(rows, scores, engine.generate(prompts, Sampling(8)), strict=True):
        assert row.metadata["reference_logprob"] == pytest.approx(score, abs=1e-5)
        assert math.isfinite(score)
        assert row.metadata["answer"] == completion.text
        assert row.metadata["refusal"] == ""


def test_refusals_are_found(pairs, chat_engine, monkeypatch):
    rows = list(ReadPairs(pairs[:1]).run())
    engine = load_engine(chat_engine)
    monkeypatch.setattr(engine.chats, "decode", lambda tokens: "很抱歉，我无法回答这个问题。")
    block(chat_engine).filter_batch(rows)
    assert rows[0].metadata["refusal"].startswith("很抱歉，我无法")


def test_a_pair_that_does_not_fit_is_removed(pairs, chat_engine, monkeypatch):
    rows = list(ReadPairs(pairs[:2]).run())
    monkeypatch.setattr(load_engine(chat_engine).chats, "context_length", 100)
    assert block(chat_engine).filter_batch(rows) == [(False, "context_length")] * 2
