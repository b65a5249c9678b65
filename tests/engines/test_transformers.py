import math
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kun_recipes.engines.base import PromptTooLong, Sampling
from kun_recipes.engines.transformers import TransformersEngine

SYSTEM = {"role": "system", "content": "请判断输入的文本是不是一个问题或祈使句。"}
TEXTS = ["什么是钙肥？", "泡菜", "黄山在安徽省南部，山上多松树，常年有云海。", "Why?", "请介绍护理", "一", "二十三"]
APART = [[{"role": "user", "content": text}] for text in TEXTS]
SHARING = [[SYSTEM, *prompt] for prompt in APART]
PROMPTS = {"apart": APART, "sharing a beginning": SHARING}
both_prompts = pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
both_sizes = pytest.mark.parametrize("max_batch_tokens", [1, 8192], ids=["row by row", "in one batch"])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A tiny model's threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(tiny_model, "float32")


@pytest.fixture(scope="module")
def reference(tiny_model: Path):
    return AutoModelForCausalLM.from_pretrained(tiny_model).eval(), AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="module")
def ending_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, inclined to end its turn: the row of EOS in the (untied) head points where the answers go."""
    folder = tmp_path_factory.mktemp("models") / "ending"
    shutil.copytree(tiny_model, folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    head = torch.nn.Linear(model.config.hidden_size, model.config.vocab_size, bias=False)
    head.weight.data = model.lm_head.weight.data.clone()
    head.weight.data[model.config.eos_token_id] *= 2.5
    model.lm_head = head
    model.config.tie_word_embeddings = False
    model.save_pretrained(folder)
    return folder


def resized(engine: TransformersEngine, max_batch_tokens: int, monkeypatch) -> TransformersEngine:
    monkeypatch.setattr(engine, "max_batch_tokens", max_batch_tokens)
    return engine


def brute_force(reference, prompt, answer: str | list[int]) -> list[float]:
    """Log-probability of each of the answer's tokens, by one full forward pass of the row alone."""
    model, tokenizer = reference
    chat = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    beginning = tokenizer(chat, add_special_tokens=False)["input_ids"]
    tokens = tokenizer(answer, add_special_tokens=False)["input_ids"] if isinstance(answer, str) else answer
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([beginning + tokens])).logits[0]
    logprobs = logits[len(beginning) - 1 : -1].log_softmax(dim=-1)
    return [logprobs[place, token].item() for place, token in enumerate(tokens)]


def reference_greedy(model, tokenizer, prompt, max_new_tokens: int, repetition_penalty: float = 1.0) -> list[int]:
    chat = tokenizer.apply_chat_template(prompt, return_dict=True, return_tensors="pt", add_generation_prompt=True)
    written = model.generate(
        **chat, do_sample=False, max_new_tokens=max_new_tokens, repetition_penalty=repetition_penalty
    )
    return written[0, chat["input_ids"].shape[1] :].tolist()


@both_prompts
@both_sizes
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_text_is_that_of_transformers(engine, reference, prompts, max_batch_tokens, penalty, monkeypatch):
    completions = resized(engine, max_batch_tokens, monkeypatch).generate(
        prompts, Sampling(24, repetition_penalty=penalty)
    )
    model, tokenizer = reference
    for prompt, completion in zip(prompts, completions, strict=True):
        expected = reference_greedy(model, tokenizer, prompt, 24, penalty)
        assert completion.text == tokenizer.decode(expected, skip_special_tokens=True)


def test_rows_stop_at_their_own_time_and_late_rows_are_undisturbed(ending_model):
    engine = TransformersEngine(ending_model, "float32")
    model = AutoModelForCausalLM.from_pretrained(ending_model).eval()
    tokenizer = AutoTokenizer.from_pretrained(ending_model)
    completions = engine.generate(SHARING, Sampling(40))
    for prompt, completion in zip(SHARING, completions, strict=True):
        expected = reference_greedy(model, tokenizer, prompt, 40)
        stopped = expected[-1] == tokenizer.eos_token_id
        assert completion.finish_reason == ("stop" if stopped else "length")
        assert completion.tokens == len(expected) - stopped
        assert completion.text == tokenizer.decode(expected, skip_special_tokens=True)
    assert {completion.finish_reason for completion in completions} == {"stop", "length"}
    assert len({completion.tokens for completion in completions}) > 2


def test_an_empty_answer_has_logprob_zero(ending_model, monkeypatch):
    engine = TransformersEngine(ending_model, "float32")
    monkeypatch.setattr(engine, "end_tokens", frozenset(range(engine.model.config.vocab_size)))
    (completion,) = engine.generate(APART[:1], Sampling(5))
    assert (completion.text, completion.tokens, completion.finish_reason, completion.logprob) == ("", 0, "stop", 0.0)


@pytest.mark.parametrize(
    "sampling",
    [Sampling(12), Sampling(12, temperature=0.5, top_p=0.9, repetition_penalty=1.2)],
    ids=["greedy", "drawn"],
)
def test_logprob_is_the_models_own(engine, reference, sampling, monkeypatch):
    written = []
    monkeypatch.setattr(engine.chats.tokenizer, "decode", lambda tokens, **_: written.append(tokens) or str(tokens))
    completions = engine.generate(SHARING, sampling, seeds=list(range(len(SHARING))))
    tokens_of = {str(tokens): tokens for tokens in written}
    for prompt, completion in zip(SHARING, completions, strict=True):
        expected = brute_force(reference, prompt, tokens_of[completion.text])
        assert completion.tokens == len(expected) == 12
        assert completion.logprob == pytest.approx(sum(expected) / len(expected), abs=1e-5)


@both_prompts
@both_sizes
@pytest.mark.parametrize("choices", [["A", "B", "C"], ["是", "否"], ["A", "是", "否定", "不知道"]], ids="/".join)
def test_choose_is_the_normalised_joint_probability(
    engine, reference, prompts, max_batch_tokens, choices, monkeypatch
):
    chosen = resized(engine, max_batch_tokens, monkeypatch).choose(prompts, choices)
    for prompt, logprobs in zip(prompts, chosen, strict=True):
        joint = torch.tensor([sum(brute_force(reference, prompt, choice)) for choice in choices])
        assert logprobs == pytest.approx(joint.log_softmax(dim=0).tolist(), abs=1e-5)
        assert sum(map(math.exp, logprobs)) == pytest.approx(1)


@both_prompts
@both_sizes
def test_score_is_the_mean_over_the_targets_tokens(engine, reference, prompts, max_batch_tokens, monkeypatch):
    targets = ["钙肥是含钙的肥料。", "A", "云", "Because the sky is high.", "护士", "二", "二十四，二十五"]
    scores = resized(engine, max_batch_tokens, monkeypatch).score(prompts, targets)
    for prompt, target, score in zip(prompts, targets, scores, strict=True):
        expected = brute_force(reference, prompt, target)
        assert score == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_score_of_many_targets_of_one_prompt(engine, reference):
    targets = ["甲", "乙乙", "abc", "a"]
    scores = engine.score(SHARING[:1] * 4, targets)
    for target, score in zip(targets, scores, strict=True):
        expected = brute_force(reference, SHARING[0], target)
        assert score == pytest.approx(sum(expected) / len(expected), abs=1e-5)


@pytest.mark.parametrize("max_batch_tokens", [1, 400, 8192])
def test_neither_order_nor_batches_change_a_completion(engine, max_batch_tokens, monkeypatch):
    sampling = Sampling(16, temperature=0.9, top_p=0.95, repetition_penalty=1.1)
    seeds = [7, 1, 9, 3, 12, 5, 4]
    rows = zip(SHARING, seeds, strict=True)
    expected = {seed: engine.generate([prompt], sampling, [seed])[0] for prompt, seed in rows}
    completions = resized(engine, max_batch_tokens, monkeypatch).generate(SHARING[::-1], sampling, seeds[::-1])
    for seed, completion in zip(seeds[::-1], completions, strict=True):
        assert completion.text == expected[seed].text
        assert completion.logprob == pytest.approx(expected[seed].logprob, abs=1e-5)


def test_seeds_decide_the_sample(engine):
    sampling = Sampling(16, temperature=1.0)
    first, again, other = engine.generate([APART[0]] * 3, sampling, [1, 1, 2])
    assert first.text == again.text
    assert first.text != other.text


def test_sampling_needs_seeds(engine):
    with pytest.raises(ValueError, match="needs seeds"):
        engine.generate(APART, Sampling(4, temperature=1.0))


def test_the_shared_beginning_is_encoded_once(engine, monkeypatch):
    seen = []
    forward = engine.model.forward

    def spy(**inputs):
        seen.append(tuple(inputs["input_ids"].shape))
        return forward(**inputs)

    monkeypatch.setattr(engine.model, "forward", spy)
    engine.choose(SHARING, ["A", "B"])
    beginning, batch = seen
    longest = max(engine.count_tokens(SHARING))
    assert beginning[0] == 1 and beginning[1] > len(SYSTEM["content"])
    assert batch == (len(SHARING), longest - beginning[1])


def test_logits_are_computed_at_the_targets_only(engine, monkeypatch):
    kept = []
    forward = engine.model.forward

    def spy(**inputs):
        output = forward(**inputs)
        kept.append(output.logits.shape[1])
        return output

    monkeypatch.setattr(engine.model, "forward", spy)
    engine.score(APART, ["abc"] * len(APART))
    assert max(kept) == 3


LONG = [{"role": "user", "content": "一" * 100}]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda engine: engine.generate([*APART, LONG], Sampling(4)),
            r"prompt 7: 3\d\d tokens and 4 .* context of 300",
        ),
        (lambda engine: engine.generate(APART, Sampling(290)), r"prompt 0: \d+ tokens and 290 "),
        (lambda engine: engine.choose([APART[0], LONG], ["A", "B"]), r"prompt 1: 3\d\d tokens and 1 "),
        (lambda engine: engine.score(APART[:1], ["一" * 100]), r"prompt 0: \d+ tokens and 300 "),
    ],
    ids=["generate", "generate many", "choose", "score"],
)
def test_prompt_too_long(engine, ask, message, monkeypatch):
    monkeypatch.setattr(engine.chats, "context_length", 300)
    monkeypatch.setattr(engine.model, "forward", None)  # no work before the check
    with pytest.raises(PromptTooLong, match=message):
        ask(engine)


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
