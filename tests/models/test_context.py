"""How long a context is planned: long enough for every prompt that fits the model, and no longer."""

import pytest

from kun_recipes.models import context
from kun_recipes.models.context import COUNTED, ROUNDED_TO, announce, fit_context, open_engine
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.options import EngineConfig


def prompt(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def vllm(tiny_model) -> EngineSettings:
    return EngineSettings("vllm", str(tiny_model), "float32")


@pytest.fixture
def frame(tiny_model) -> int:
    """Tokens of the chat template around a lone user turn. The tiny model's other tokens are bytes."""
    return load_engine(EngineSettings("transformers", str(tiny_model), "float32")).count_tokens([prompt("")])[0]


@pytest.mark.parametrize(("over", "planned"), [(-1, 640), (0, 640), (1, 704)])
def test_the_longest_prompt_with_its_answer_fits(vllm, frame, over, planned):
    room = 640 - frame - 100
    requests = [(prompt("短"), 300), (prompt("a" * (room + over)), 100), (prompt("a" * 99), 1)]
    assert fit_context(vllm, iter(requests)).max_model_len == planned


def rounded(tokens: int) -> int:
    return -(-tokens // ROUNDED_TO) * ROUNDED_TO


MARKER = "<|im_end|>" * 99  # one token in a template, ten letters in a text


@pytest.mark.parametrize(
    ("text", "more"), [("a" * 1000, 10), ("水" * 300, 10), ("a", 3000), ("𠮷" * 200, 1), (MARKER, 1)]
)
@pytest.mark.parametrize("same", [1, COUNTED + 1])
def test_of_many_requests_the_rest_have_room_by_an_upper_bound(vllm, tiny_model, text, more, same):
    (length,) = load_engine(EngineSettings("transformers", str(tiny_model), "float32")).count_tokens([prompt(text)])
    requests = [(prompt("a"), 10)] * 3000 + [(prompt(text), more)] * same + [(prompt("a"), 10)] * 3000
    planned = fit_context(vllm, iter(requests)).max_model_len
    if same == 1:
        assert planned == rounded(length + more)
    else:
        assert length + more <= planned <= rounded(length + more + 64)


def test_a_few_requests_are_counted(vllm, monkeypatch):
    counted = []
    encode = ChatTokenizer.encode

    def counting(chats, prompts, **options):
        counted.extend(prompts)
        return encode(chats, prompts, **options)

    monkeypatch.setattr(ChatTokenizer, "encode", counting)
    fit_context(vllm, ((prompt(str(number)), 10) for number in range(5000)))
    assert len(counted) == COUNTED + 1  # and what is around their texts


def test_a_long_row_of_many_is_no_plan_beyond_the_model(vllm):
    too_long = [(prompt("a" * 8192), 1)] * 2
    assert fit_context(vllm, too_long * COUNTED).max_model_len == 8192


def test_prompts_beyond_the_model_are_left_out_of_the_plan(vllm, frame):
    too_long = prompt("a" * 8192)  # removed where it is asked
    assert fit_context(vllm, [(prompt("a"), 10), (too_long, 1)]).max_model_len == ROUNDED_TO
    whole = prompt("a" * (8192 - frame - 10))
    assert fit_context(vllm, [(whole, 10)]).max_model_len == 8192
    assert fit_context(vllm, []).max_model_len == ROUNDED_TO


def test_transformers_needs_no_plan(tiny_model):
    settings = EngineSettings("transformers", str(tiny_model))
    requests = iter([(prompt("a"), 1)])
    assert fit_context(settings, requests) is settings
    assert next(requests)  # nothing was read for it


@pytest.mark.parametrize(
    ("more", "sampling", "line"),
    [
        ({}, Sampling(96), "vllm: m, float32, greedy, at most 96 new tokens, 1 worker"),
        (
            {"max_model_len": 704, "tensor_parallel": 2},
            Sampling(1024, 0.5, 0.95, 1.2),
            "vllm: m, float32, context of 704 tokens, temperature 0.5, top-p 0.95, repetition penalty 1.2, at most "
            "1024 new tokens, 4 workers of 2 GPUs",
        ),
    ],
)
def test_the_settings_are_announced_in_one_line(more, sampling, line, capsys):
    announce(EngineSettings("vllm", "m", "float32", **more), sampling, 4 if more else 1)
    assert capsys.readouterr().err == line + "\n"


def test_a_pinned_revision_is_the_one_that_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(context, "resolve_model", lambda *named: asked.append(named) or "folder")
    monkeypatch.setattr(EngineConfig, "decoding", lambda config: Sampling(4))
    open_engine(EngineConfig(model="org/m", model_revision="abc"), [])
    assert asked == [("org/m", "abc")]
