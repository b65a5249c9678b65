"""Base models that are no plain transformer: they train, or one line says why not."""

import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, PretrainedConfig, ViTConfig

from kun_recipes.errors import UserError
from kun_recipes.training import attention, sft
from kun_recipes.training.architecture import check_adapters, fitting_attention, outline
from tests.architectures import BLOOM, LINEAR, MAMBA, QWEN3_5, VOCABULARY

CONFIGS: dict[str, PretrainedConfig] = {
    "bloom": BLOOM,
    "mamba": MAMBA,
    "gpt2": GPT2Config(**VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=1024),
    "linear": LINEAR,
    "qwen3.5": QWEN3_5,
}
TARGETS = {
    "bloom": ["query_key_value"],
    "mamba": ["in_proj", "x_proj"],
    "gpt2": ["c_attn"],
    "linear": ["q_proj"],
    "qwen3.5": ["q_proj", "in_proj_qkv"],
}
FULL = {"use_peft": False, "bf16": False}


@pytest.fixture
def make(make_config, tiny_model, tmp_path):
    """A function that makes the config of a short training of another architecture."""

    def make(config: PretrainedConfig, weights: bool = False, **changes):
        folder = tmp_path / "base"
        shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*config.json", "*.safetensors"))
        shutil.copy(tiny_model / "tokenizer_config.json", folder)
        config.save_pretrained(folder)
        if weights:
            AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        return make_config(model_name_or_path=str(folder), max_steps=2, save_strategy="no", **changes)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("way", ["adapters", "all weights"])
def test_a_training_ends_with_a_model(make, name, way):
    changes = {"lora_target_modules": TARGETS[name]} if way == "adapters" else FULL
    config = make(CONFIGS[name], weights=True, **changes)
    summary = sft.train(config)
    assert summary["resolved"]["attention"] == ("sdpa" if name in ("gpt2", "linear", "qwen3.5") else "eager")
    assert type(AutoModelForCausalLM.from_pretrained(config.output_dir).config) is type(CONFIGS[name])


@pytest.mark.parametrize("option", ["packing", "padding_free"])
@pytest.mark.parametrize("name", ["bloom", "mamba", "linear", "qwen3.5"])
def test_rows_that_conversations_would_share_and_see_each_other_in_are_refused(make, name, option):
    config = make(CONFIGS[name], **{option: True})
    with pytest.raises(UserError, match=f"^{option}: .*ForCausalLM cannot separate conversations .*; remove {option}"):
        fitting_attention(config, outline(config, config.model_name_or_path), on_gpu=False)


def test_linear_attention_carries_one_conversation_of_a_row_into_the_next():
    """Why packing is refused: in a row of two, Qwen3.5's second conversation is not as alone.

    By their boundaries transformers parts them with kernels of other packages only, and says so.
    """
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(QWEN3_5).eval()
    one, other = torch.randint(0, 256, (1, 70)), torch.randint(0, 256, (1, 33))
    row = {"input_ids": torch.cat([one, other], 1), "use_cache": False}
    row["position_ids"] = torch.cat([torch.arange(70), torch.arange(33)])[None]
    with torch.no_grad():
        packed = model(**row).logits
        torch.testing.assert_close(packed[:, :70], model(one, use_cache=False).logits, rtol=1e-3, atol=1e-4)
        assert (packed[:, 70:] - model(other, use_cache=False).logits).abs().max() > 1
        ends = torch.tensor([0, 70, 103], dtype=torch.int32)
        with pytest.raises(ValueError, match="can't keep packed sequences apart without"):
            model(**row, cu_seq_lens_q=ends, cu_seq_lens_k=ends, max_length_q=70, max_length_k=70)


@pytest.mark.parametrize(
    ("name", "asked", "shared", "installed", "chosen"),
    [
        ("bloom", None, False, [], "eager"),
        ("bloom", "eager", False, [], "eager"),
        ("bloom", None, False, ["flash_attention_2"], "eager"),
        ("gpt2", None, False, [], "sdpa"),
        ("gpt2", None, True, [], "varlen_sdpa"),
        ("gpt2", None, False, ["flash_attention_2"], "flash_attention_2"),
    ],
)
def test_the_attention_is_one_that_the_model_has(make, monkeypatch, name, asked, shared, installed, chosen):
    for flash in attention.FLASH:
        monkeypatch.setitem(attention.FLASH, flash, lambda flash=flash, kernels_fallback_ok=False: flash in installed)
    config = make(CONFIGS[name], attn_implementation=asked, padding_free=shared)
    assert fitting_attention(config, outline(config, config.model_name_or_path), on_gpu=bool(installed)) == chosen


@pytest.mark.parametrize("asked", ["sdpa", "varlen_sdpa"])
def test_an_attention_that_the_model_does_not_have_is_refused(make, asked):
    config = make(CONFIGS["bloom"], attn_implementation=asked)
    with pytest.raises(UserError) as caught:
        fitting_attention(config, outline(config, config.model_name_or_path), on_gpu=False)
    assert (
        str(caught.value)
        == f"attn_implementation: BloomForCausalLM does not support {asked}; remove attn_implementation"
    )


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        (
            "bloom",
            ["q_proj", "v_proj"],
            "lora_target_modules: BloomForCausalLM has no q_proj, v_proj; its linear layers are dense, dense_4h_to_h, "
            "dense_h_to_4h, query_key_value",
        ),
        (
            "mamba",
            ["q_proj"],
            "lora_target_modules: MambaForCausalLM has no q_proj; its linear layers are dt_proj, in_proj, out_proj, "
            "x_proj",
        ),
        (
            "gpt2",
            ["attn"],
            "lora_target_modules: GPT2LMHeadModel has no attn; its linear layers are c_attn, c_fc, c_proj",
        ),
    ],
)
def test_adapters_without_a_layer_name_the_layers_that_there_are(make, name, targets, message):
    config = make(CONFIGS[name], lora_target_modules=targets)
    with pytest.raises(UserError) as caught:
        check_adapters(config.adapters(), outline(config, config.model_name_or_path))
    assert str(caught.value) == message


def test_a_layer_that_peft_refuses_is_an_error_in_one_line(make):
    config = make(CONFIGS["mamba"], lora_target_modules=["in_proj", "out_proj"])
    with pytest.raises(UserError, match=r"^lora_target_modules: .*out_proj.*\Z"):
        check_adapters(config.adapters(), outline(config, config.model_name_or_path))


def test_targets_that_the_model_does_not_have_are_printed(make, capsys):
    config = make(CONFIGS["gpt2"], lora_target_modules=["c_attn", "q_proj", "attn.c_proj"])
    check_adapters(config.adapters(), outline(config, config.model_name_or_path))
    assert capsys.readouterr().err == (
        "train: GPT2LMHeadModel has no q_proj; only the other lora_target_modules get an adapter\n"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: ViTConfig().save_pretrained(folder), "ViTConfig"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "abacus"}'), "abacus"),
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
    ],
    ids=["pictures", "unknown", "no config"],
)
def test_a_folder_that_is_no_language_model_is_refused_in_one_line(make, tmp_path, change, reason):
    config = make(CONFIGS["gpt2"])
    change(tmp_path / "base")
    with pytest.raises(UserError) as caught:
        outline(config, config.model_name_or_path)
    message = str(caught.value)
    assert message.startswith(f"{config.model_name_or_path}: is not a language model that transformers can train: ")
    assert reason in message
    assert "\n" not in message
