"""How long a context is planned: long enough for every prompt that fits the model, and no longer."""

import pytest

from kun_recipes.models import context
from kun_recipes.models.context import ROUNDED_TO, announce, fit_context, open_engine
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.options import EngineConfig
from kun_recipes.studies import inputs
from kun_recipes.studies.config import StudyConfig


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


def test_more_rows_than_are_read_at_once(vllm, frame):
    requests = [(prompt("a"), 10)] * 3000 + [(prompt("a" * 1000), 10)] + [(prompt("a"), 10)] * 3000
    assert fit_context(vllm, iter(requests)).max_model_len == -(-(frame + 1010) // ROUNDED_TO) * ROUNDED_TO


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
    """By label and refine, whose models are opened here, and by the judge of a study."""
    asked = []
    for module in (context, inputs):
        monkeypatch.setattr(module, "resolve_model", lambda *named: asked.append(named) or "folder")
    monkeypatch.setattr(EngineConfig, "decoding", lambda config: Sampling(4))
    open_engine(EngineConfig(model="org/m", model_revision="abc"), [])
    inputs.gather(StudyConfig(model="org/m", model_revision="def", output_dir="o", judge=True))
    assert asked == [("org/m", "abc"), ("org/m", "def")]
