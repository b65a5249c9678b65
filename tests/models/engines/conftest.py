"""Both engines on the tiny model, and what a plain forward pass of transformers says."""

import functools
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kun_recipes.models.engines import Engine, EngineSettings, load_engine, release_engines

ENGINES = ["transformers", pytest.param("vllm", marks=pytest.mark.vllm)]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A tiny model's threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def load(name: str, folder: Path, **more) -> Engine:
    """An engine in float32, loaded once for all tests: loading is what takes vLLM long."""
    small = {"cache_gb": 0.5} if name == "vllm" else {}
    return load_engine(EngineSettings(name, str(folder), "float32", **small, **more))


@pytest.fixture(scope="package", autouse=True)
def released_engines():
    """Free the memory of the engines once the last test of this folder has run."""
    yield
    release_engines()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tiny_model: Path) -> Engine:
    return load(request.param, tiny_model)


@pytest.fixture(params=ENGINES)
def ending_engine(request: pytest.FixtureRequest, ending_model: Path) -> Engine:
    return load(request.param, ending_model)


@pytest.fixture(scope="session")
def brute_force(tiny_model: Path):
    """Log-probability of each of an answer's tokens, by one full forward pass of the row alone."""
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(tiny_model).eval(),
        AutoTokenizer.from_pretrained(tiny_model),
    )

    def logprobs_of(prompt, answer: str | list[int]) -> list[float]:
        chat = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        beginning = tokenizer(chat, add_special_tokens=False)["input_ids"]
        tokens = tokenizer(answer, add_special_tokens=False)["input_ids"] if isinstance(answer, str) else answer
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([beginning + tokens])).logits[0]
        logprobs = logits[len(beginning) - 1 : -1].log_softmax(dim=-1)
        return [logprobs[place, token].item() for place, token in enumerate(tokens)]

    return logprobs_of


@pytest.fixture(scope="session")
def greedy():
    """The tokens that transformers' own `generate` writes for one prompt, the end of the turn included."""
    load = functools.cache(
        lambda folder: (AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder))
    )

    def tokens_of(folder: Path, prompt, max_new_tokens: int, repetition_penalty: float = 1.0) -> list[int]:
        model, tokenizer = load(folder)
        chat = tokenizer.apply_chat_template(prompt, return_dict=True, return_tensors="pt", add_generation_prompt=True)
        written = model.generate(
            **chat, do_sample=False, max_new_tokens=max_new_tokens, repetition_penalty=repetition_penalty
        )
        return written[0, chat["input_ids"].shape[1] :].tolist()

    return tokens_of
