"""The blocks on the tiny model, held against plain forward passes of transformers."""

import math

import pytest
import torch
from datatrove.data import Document
from transformers import AutoModelForCausalLM, AutoTokenizer

from kun_recipes.evaluation.asking import ReadQuestions
from kun_recipes.evaluation.benchmarks import LETTERS
from kun_recipes.evaluation.modes import ChooseAnswer, CompareLosses, WriteAnswer
from kun_recipes.evaluation.prompts import PromptBuilder, prompt_hash
from kun_recipes.evaluation.questions import load_subject
from kun_recipes.evaluation.reading import lenient_letter, strict_letter
from kun_recipes.models.engines import load_engine
from kun_recipes.models.engines.base import Sampling

pytestmark = pytest.mark.slow


@pytest.fixture
def questions(tasks):
    """The rows of every subject, a list a subject."""

    def read(**more) -> list[list[Document]]:
        reader = ReadQuestions(tasks, **more)
        return [list(reader.run(rank=rank)) for rank in range(len(tasks))]

    return read


@pytest.fixture(scope="session")
def model(tiny_model):
    return AutoModelForCausalLM.from_pretrained(tiny_model).eval(), AutoTokenizer.from_pretrained(tiny_model)


def losses(model, text: str) -> float:
    """Mean cross-entropy of a whole text's tokens, as OpenCompass computes it."""
    network, tokenizer = model
    tokens = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        logits = network(input_ids=tokens).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, tokens[0, 1:]).item()


def test_rows_are_questions(questions):
    physics, *_, commonsense = questions(overlapping=frozenset({"ceval/val/middle_school_physics/1"}))
    assert [len(rows) for rows in (physics, commonsense)] == [11, 11]
    first, second = physics[:2]
    assert first.id == "ceval/val/middle_school_physics/0"
    assert first.metadata == {
        "benchmark": "ceval",
        "subject": "middle_school_physics",
        "groups": ["STEM"],
        "gold": first.metadata["gold"],
        "overlaps": False,
    }
    assert second.metadata["overlaps"] is True
    assert commonsense[0].metadata["groups"] == ["Other", "China-specific"]


def test_one_pass_agrees_with_four_whole_prompts_question_by_question(questions, sources, plain_engine):
    one, four = (block(plain_engine, 16, sources, "plain") for block in (ChooseAnswer, CompareLosses))
    agreeing = 0
    for rows in questions():
        assert one.filter_batch(rows) == four.filter_batch(rows) == [True] * len(rows)
        for row in rows:
            assert row.metadata["ppl_prediction"] == row.metadata["ppl-full_prediction"]
            assert sum(row.metadata["ppl_probabilities"].values()) == pytest.approx(1)
            agreeing += 1
    assert agreeing == 66


@pytest.mark.parametrize("rank", [0, 4])
def test_the_losses_are_those_of_a_plain_forward_pass(questions, sources, plain_engine, model, rank):
    rows = questions()[rank][:2]
    CompareLosses(plain_engine, 16, sources, "plain").filter_batch(rows)
    ChooseAnswer(plain_engine, 16, sources, "plain").filter_batch(rows)
    for row in rows:
        source = sources[row.metadata["benchmark"]]
        loaded = load_subject(source, row.metadata["subject"])
        question = next(question for question in loaded.questions if question.id == row.id)
        whole = [
            PromptBuilder(source.benchmark, "plain").full_text(question, loaded.shots, letter) for letter in LETTERS
        ]
        expected = [losses(model, text) for text in whole]
        tokens = len(model[1](whole[0])["input_ids"]) - 1
        measured = tokens + 1 - len(model[1](whole[0].partition("\n")[0])["input_ids"])
        found = list(row.metadata["ppl-full_losses"].values())
        # the first line is not measured: one number for all four
        assert [loss - found[0] for loss in found] == pytest.approx(
            [(loss - expected[0]) * tokens / measured for loss in expected], abs=1e-5
        )
        weights = [math.exp(-loss * tokens) for loss in [loss - min(expected) for loss in expected]]
        assert list(row.metadata["ppl_probabilities"].values()) == pytest.approx(
            [weight / sum(weights) for weight in weights], abs=1e-2
        )


def test_a_chat_model_is_asked_in_its_template(questions, sources, chat_engine):
    rows = questions()[4][:3]  # CMMLU: the answer begins with words that all four share
    ChooseAnswer(chat_engine, 16, sources, "chat").filter_batch(rows)
    engine, source = load_engine(chat_engine), sources["cmmlu"]
    loaded, builder = load_subject(source, "astronomy"), PromptBuilder(source.benchmark, "chat")
    for row, question in zip(rows, loaded.questions, strict=False):
        prompt = builder.choice_prompt(question, loaded.shots)
        assert row.metadata["ppl_prompt"] == prompt_hash(prompt)
        texts = [f"答案是: {letter}" for letter in LETTERS]
        sums = [
            score * len(engine.chats.tokenizer(text)["input_ids"])
            for score, text in zip(engine.score([prompt] * 4, texts), texts, strict=True)
        ]
        total = math.log(sum(math.exp(one - max(sums)) for one in sums)) + max(sums)
        assert [math.log(value) for value in row.metadata["ppl_probabilities"].values()] == pytest.approx(
            [one - total for one in sums], abs=1e-3
        )


def test_generated_answers_are_parsed(questions, sources, plain_engine):
    rows = questions()[1]
    WriteAnswer(plain_engine, Sampling(6), 0, sources, "plain").filter_batch(rows)
    loaded = load_subject(sources["ceval"], "middle_school_geography")
    builder = PromptBuilder(sources["ceval"].benchmark, "plain")
    prompts = [builder.generation_prompt(question, loaded.shots) for question in loaded.questions]
    for row, completion in zip(rows, load_engine(plain_engine).generate(prompts, Sampling(6)), strict=True):
        assert row.metadata["gen_text"] == completion.text
        assert row.metadata["gen_finish_reason"] == completion.finish_reason
        assert row.metadata["gen_strict"] == strict_letter(completion.text)
        assert row.metadata["gen_lenient"] == lenient_letter(completion.text)
        assert row.metadata["gen_shots"] == 5


def test_shots_are_dropped_from_the_end_until_the_prompt_fits(questions, sources, plain_engine, monkeypatch):
    rows = questions()[0]
    block = ChooseAnswer(plain_engine, 16, sources, "plain")
    engine = load_engine(plain_engine)
    loaded = load_subject(sources["ceval"], "middle_school_physics")
    builder = PromptBuilder(sources["ceval"].benchmark, "plain")

    def tokens(question, shots):
        return engine.count_tokens([builder.choice_prompt(question, loaded.shots[:shots])])[0]

    limit = 16 + sorted(tokens(question, 2) for question in loaded.questions)[3]
    monkeypatch.setattr(engine.chats, "context_length", limit)
    assert block.filter_batch(rows) == [True] * 11
    found = [row.metadata["ppl_shots"] for row in rows]
    expected = [max(n for n in range(6) if tokens(question, n) + 16 <= limit) for question in loaded.questions]
    assert found == expected
    assert len(set(found)) > 1
    short = next(row for row in rows if row.metadata["ppl_shots"] < 2)
    question = next(question for question in loaded.questions if question.id == short.id)
    shown = builder.choice_prompt(question, loaded.shots[: short.metadata["ppl_shots"]])
    assert short.metadata["ppl_prompt"] == prompt_hash(shown)


def test_question_that_is_too_long_without_shots_is_removed(questions, sources, plain_engine, monkeypatch):
    rows = questions()[0]
    engine = load_engine(plain_engine)
    loaded = load_subject(sources["ceval"], "middle_school_physics")
    builder = PromptBuilder(sources["ceval"].benchmark, "plain")
    lengths = engine.count_tokens([builder.choice_prompt(question, []) for question in loaded.questions])
    monkeypatch.setattr(engine.chats, "context_length", sorted(lengths)[4] + 16)
    verdicts = ChooseAnswer(plain_engine, 16, sources, "plain").filter_batch(rows)
    assert verdicts.count((False, "context_length")) == sum(length > sorted(lengths)[4] for length in lengths)
    assert {row.metadata["ppl_shots"] for row in rows} == {0}
