"""Models that are not plain transformers: linear attention, no position numbers, a past without keys."""

import shutil
from pathlib import Path

import pytest
import torch
from transformers.models.bloom.modeling_bloom import BloomForCausalLM
from transformers.models.mamba.modeling_mamba import MambaForCausalLM
from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextForCausalLM

from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.settings import EngineSettings
from kun_recipes.models.engines.transformers import TransformersEngine
from tests.architectures import BLOOM, LINEAR, MAMBA

pytestmark = pytest.mark.slow

PROMPTS = [[{"role": "user", "content": text}] for text in ("水", "一加一是多少？", "写三句话。")]


def save(kind, config, folder: Path, tiny_model: Path) -> EngineSettings:
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*config.json", "*.safetensors"))
    shutil.copy(tiny_model / "tokenizer_config.json", folder)
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    return EngineSettings("transformers", str(folder), "float32")


@pytest.mark.parametrize(
    ("kind", "config"), [(Qwen3NextForCausalLM, LINEAR), (BloomForCausalLM, BLOOM)], ids=["linear", "alibi"]
)
def test_rows_that_end_early_do_not_change_the_others(kind, config, tmp_path, tiny_model):
    engine = TransformersEngine(save(kind, config, tmp_path / "model", tiny_model))
    sampling = Sampling(24)
    for offset in range(6):  # some token in six ends a turn, so that some row ends before another
        engine.chats.end_tokens = frozenset(range(offset, 256, 6))
        alone = [engine.generate([prompt], sampling)[0] for prompt in PROMPTS]
        if len({completion.tokens for completion in alone}) == 3:
            break
    assert len({completion.tokens for completion in alone}) > 1
    together = engine.generate(PROMPTS, sampling)
    assert [one.text for one in together] == [one.text for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
    copied = engine.generate([prompt for prompt in PROMPTS for _ in range(2)], sampling)
    assert [one.text for one in copied] == [one.text for one in alone for _ in range(2)]
    for one, other in zip(
        engine.choose(PROMPTS, "是否"), [engine.choose([p], "是否")[0] for p in PROMPTS], strict=True
    ):
        assert one == pytest.approx(other, abs=1e-4)


def test_model_without_keys_and_values_is_refused_in_one_line(tmp_path, tiny_model):
    settings = save(MambaForCausalLM, MAMBA, tmp_path / "model", tiny_model)
    with pytest.raises(
        UserError, match="the transformers engine cannot run MambaForCausalLM, which has no key-value cache"
    ):
        TransformersEngine(settings)
