"""The arguments of vLLM's engine: what an option sets, and what is left to vLLM. The last tests ask the true vLLM."""

from pathlib import Path

import pytest

from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.vllm_arguments import engine_arguments
from tests.models.engines.conftest import load


@pytest.mark.parametrize(
    ("options", "on_cpu", "expected"),
    [
        ({}, False, {"max_num_seqs": None, "max_num_batched_tokens": None, "kv_cache_memory_bytes": None}),
        ({}, True, {"max_num_seqs": None, "max_num_batched_tokens": None, "kv_cache_memory_bytes": 2 * 2**30}),
        ({"max_sequences": 7}, False, {"max_num_seqs": 7, "max_num_batched_tokens": None}),
        ({"max_batch_tokens": 4096}, False, {"max_num_seqs": None, "max_num_batched_tokens": 4096}),
        ({"max_batch_tokens": 64}, False, {"max_num_batched_tokens": 1000}),  # a prompt fits into one step
        ({"cache_gb": 0.5}, True, {"kv_cache_memory_bytes": 2**29}),
        ({"tensor_parallel": 4, "gpu_memory": 0.5}, False, {"tensor_parallel_size": 4, "gpu_memory_utilization": 0.5}),
        ({}, False, {"speculative_config": None}),
        (
            {"speculative_tokens": 6},
            False,
            {
                "speculative_config": {
                    "method": "ngram",
                    "num_speculative_tokens": 6,
                    "prompt_lookup_min": 3,
                    "prompt_lookup_max": 5,
                }
            },
        ),
    ],
    ids=str,
)
def test_unset_options_are_left_to_vllm(options, on_cpu, expected):
    arguments = engine_arguments(EngineSettings("vllm", "m", "bfloat16", **options), 1000, on_cpu)
    assert {name: arguments[name] for name in expected} == expected
    assert (arguments["model"], arguments["dtype"], arguments["max_model_len"]) == ("m", "bfloat16", 1000)


@pytest.mark.vllm
def test_scheduler_has_the_limits_that_LLM_takes(tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    engine = load("vllm", tiny_model)
    from vllm import LLM, LLMEngine

    class Made(Exception):
        """What `LLM` makes its engine with; it need not load a second model."""

    def make(engine_args, usage_context):
        raise Made(engine_args.create_engine_config(usage_context))

    monkeypatch.setattr(LLMEngine, "from_engine_args", make)
    with pytest.raises(Made) as made:
        LLM(str(tiny_model), max_model_len=engine.max_model_len, skip_tokenizer_init=True)
    ours, theirs = (config.scheduler_config for config in (engine.engine.vllm_config, made.value.args[0]))
    assert (ours.max_num_seqs, ours.max_num_batched_tokens) == (theirs.max_num_seqs, theirs.max_num_batched_tokens)
