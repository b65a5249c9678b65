"""The methods of an engine: what every engine promises, held against a plain forward pass of transformers.

Both engines run the tiny model in float32, and agree with that pass to 1e-4 nats.
"""

import math

import numpy
import pytest

from kun_recipes.models.engines.base import PromptTooLong, Sampling

pytestmark = pytest.mark.slow

SYSTEM = {"role": "system", "content": "请判断输入的文本是不是一个问题或祈使句。"}
TEXTS = ["什么是钙肥？", "泡菜", "黄山在安徽省南部，山上多松树，常年有云海。", "Why?", "请介绍护理", "一", "二十三"]
APART = [[{"role": "user", "content": text}] for text in TEXTS]
SHARING = [[SYSTEM, *prompt] for prompt in APART]
PROMPTS = {"apart": APART, "sharing a beginning": SHARING}
both_prompts = pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)

TOLERANCE = 1e-4


@both_prompts
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_text_is_that_of_transformers(engine, tiny_model, greedy, prompts, penalty):
    completions = engine.generate(prompts, Sampling(24, repetition_penalty=penalty))
    for prompt, completion in zip(prompts, completions, strict=True):
        assert completion.text == engine.chats.decode(greedy(tiny_model, prompt, 24, penalty))


def test_tokens_worked_on_are_counted_until_they_are_taken(engine):
    engine.take_worked()
    (completion,) = engine.generate(APART[:1], Sampling(5))
    (asked,) = engine.count_tokens(APART[:1])
    assert engine.take_worked() == asked + completion.tokens
    assert engine.take_worked() == 0
    engine.choose(SHARING, ["是", "否"])
    engine.score(SHARING[:1], ["是"])
    assert 0 < engine.take_worked() < sum(engine.count_tokens(SHARING)) + engine.count_tokens(SHARING[:1])[0]


def test_rows_of_a_batch_stop_independently(ending_engine, ending_model, greedy):
    completions = ending_engine.generate(SHARING, Sampling(40))
    for prompt, completion in zip(SHARING, completions, strict=True):
        expected = greedy(ending_model, prompt, 40)
        stopped = expected[-1] in ending_engine.chats.end_tokens
        assert completion.finish_reason == ("stop" if stopped else "length")
        assert completion.tokens == len(expected) - stopped
        assert completion.text == ending_engine.chats.decode(expected)
    assert {completion.finish_reason for completion in completions} == {"stop", "length"}
    assert len({completion.tokens for completion in completions}) > 2


def test_an_empty_answer_has_logprob_zero(engine, monkeypatch):
    monkeypatch.setattr(engine.chats, "end_tokens", frozenset(range(len(engine.chats.tokenizer))))
    (completion,) = engine.generate(APART[:1], Sampling(5))
    assert (completion.text, completion.tokens, completion.finish_reason, completion.logprob) == ("", 0, "stop", 0.0)


@pytest.mark.parametrize(
    "sampling",
    [Sampling(12), Sampling(12, temperature=0.5, top_p=0.9, repetition_penalty=1.2)],
    ids=["greedy", "drawn"],
)
def test_logprob_is_the_models_own(engine, brute_force, sampling, monkeypatch):
    written = []
    monkeypatch.setattr(engine.chats, "decode", lambda tokens: written.append(list(tokens)) or str(list(tokens)))
    completions = engine.generate(SHARING, sampling, seeds=list(range(len(SHARING))))
    tokens_of = {str(tokens): tokens for tokens in written}
    for prompt, completion in zip(SHARING, completions, strict=True):
        expected = brute_force(prompt, tokens_of[completion.text])
        assert completion.tokens == len(expected) == 12
        assert completion.logprob == pytest.approx(sum(expected) / len(expected), abs=TOLERANCE)


@both_prompts
@pytest.mark.parametrize("choices", [["A", "B", "C"], ["是", "否"], ["A", "是", "否定", "不知道"]], ids="/".join)
def test_choose_is_the_normalised_joint_probability(engine, brute_force, prompts, choices):
    for prompt, logprobs in zip(prompts, engine.choose(prompts, choices), strict=True):
        joint = numpy.array([sum(brute_force(prompt, choice)) for choice in choices])
        assert logprobs == pytest.approx((joint - numpy.logaddexp.reduce(joint)).tolist(), abs=TOLERANCE)
        assert sum(map(math.exp, logprobs)) == pytest.approx(1)


@both_prompts
def test_score_is_the_mean_over_the_targets_tokens(engine, brute_force, prompts):
    targets = ["钙肥是含钙的肥料。", "A", "云", "Because the sky is high.", "护士", "二", "二十四，二十五"]
    for prompt, target, score in zip(prompts, targets, engine.score(prompts, targets), strict=True):
        expected = brute_force(prompt, target)
        assert score == pytest.approx(sum(expected) / len(expected), abs=TOLERANCE)


def test_score_of_many_targets_of_one_prompt(engine, brute_force):
    targets = ["甲", "乙乙", "abc", "a", "abc" * 60, "abc" * 60 + "a"]
    for _ in range(2):  # what the first left in a cache must not change the second
        for target, score in zip(targets, engine.score(SHARING[:1] * len(targets), targets), strict=True):
            expected = brute_force(SHARING[0], target)
            assert score == pytest.approx(sum(expected) / len(expected), abs=TOLERANCE)


def test_neither_order_nor_batches_change_a_completion(engine):
    sampling = Sampling(16, temperature=0.9, top_p=0.95, repetition_penalty=1.1)
    seeds = [7, 1, 9, 3, 12, 5, 4]
    alone = {seed: engine.generate([prompt], sampling, [seed])[0] for prompt, seed in zip(SHARING, seeds, strict=True)}
    for seed, completion in zip(seeds[::-1], engine.generate(SHARING[::-1], sampling, seeds[::-1]), strict=True):
        assert completion.text == alone[seed].text
        assert completion.logprob == pytest.approx(alone[seed].logprob, abs=TOLERANCE)


def test_neither_order_nor_batches_change_a_log_probability(engine):
    targets = ["钙肥", "A", "云" * 50, "Because", "护士", "二", "二十四"]
    alone = [
        (engine.choose([prompt], ["A", "B"])[0], engine.score([prompt], [target])[0])
        for prompt, target in zip(SHARING, targets, strict=True)
    ]
    chosen = engine.choose(SHARING[::-1], ["A", "B"])[::-1]
    scored = engine.score(SHARING[::-1], targets[::-1])[::-1]
    for (choice, score), together, scored_together in zip(alone, chosen, scored, strict=True):
        assert together == pytest.approx(choice, abs=TOLERANCE)
        assert scored_together == pytest.approx(score, abs=TOLERANCE)


def test_seeds_decide_the_sample(engine):
    first, again, other = engine.generate([APART[0]] * 3, Sampling(16, temperature=1.0), [1, 1, 2])
    assert first.text == again.text
    assert first.text != other.text


def test_an_answer_without_a_seed_is_greedy_and_equal_prompts_share_no_answer(engine):
    prompts, seeds = [APART[0]] * 3 + SHARING[:2] + [SHARING[0]] * 2, [None, 1, 2, 3, None, None, 4]
    sampling = Sampling(16, temperature=1.0, top_p=0.95)
    found = engine.generate(prompts, sampling, seeds)
    for prompt, seed, completion in zip(prompts, seeds, found, strict=True):
        (alone,) = (
            engine.generate([prompt], Sampling(16)) if seed is None else engine.generate([prompt], sampling, [seed])
        )
        assert completion.text == alone.text
        assert completion.logprob == pytest.approx(alone.logprob, abs=TOLERANCE)
    assert len({completion.text for completion in found[:3]}) == 3


def test_sampling_needs_seeds(engine):
    with pytest.raises(ValueError, match="needs seeds"):
        engine.generate(APART, Sampling(4, temperature=1.0))


LONG = [{"role": "user", "content": "一" * 100}]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda engine: engine.generate([*APART, LONG], Sampling(4)),
            r"prompt 7: 3\d\d tokens plus 4 .* context of 300",
        ),
        (lambda engine: engine.generate(APART, Sampling(290)), r"prompt 0: \d+ tokens plus 290 "),
        (lambda engine: engine.choose([APART[0], LONG], ["A", "B"]), r"prompt 1: 3\d\d tokens plus 1 "),
        (lambda engine: engine.score(APART[:1], ["一" * 100]), r"prompt 0: \d+ tokens plus 300 "),
    ],
    ids=["generate", "generate many", "choose", "score"],
)
def test_prompt_too_long(engine, ask, message, monkeypatch):
    monkeypatch.setattr(engine.chats, "context_length", 300)
    for work in ("write", "token_logprobs", "answer_logprobs"):  # none before the check
        monkeypatch.setattr(engine, work, None)
    with pytest.raises(PromptTooLong, match=message):
        ask(engine)


def test_a_request_may_fill_the_context(engine, brute_force):
    length = engine.count_tokens([LONG])[0]
    room = engine.context_length - length
    assert engine.score([LONG], ["a" * room])[0] == pytest.approx(
        sum(brute_force(LONG, "a" * room)) / room, abs=TOLERANCE
    )
    with pytest.raises(PromptTooLong):
        engine.score([LONG], ["a" * (room + 1)])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda engine: engine.choose(APART, ["是", "是的"]), "choice '是的' begins with the tokens of choice '是'"),
        (lambda engine: engine.choose(APART, ["A", "A"]), "choice 'A' begins with the tokens of choice 'A'"),
        (lambda engine: engine.choose(APART, ["", "A"]), "choice 'A' begins with the tokens of choice ''"),
        (lambda engine: engine.score(APART[:2], ["A", ""]), "target 1 is empty"),
    ],
)
def test_questions_without_an_answer(engine, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(engine)


def test_no_prompts(engine):
    assert engine.count_tokens([]) == []
    assert engine.generate([], Sampling(4)) == []
    assert engine.choose([], ["A", "B"]) == []
    assert engine.score([], []) == []


def test_count_tokens_counts_the_template(engine):
    header = "<|im_start|>", "user\n", "<|im_end|>", "\n", "<|im_start|>", "assistant\n"
    special = 3
    spelled = sum(len(part) for part in header if not part.startswith("<|"))
    assert engine.count_tokens([[{"role": "user", "content": "一a"}]]) == [special + spelled + 4]
