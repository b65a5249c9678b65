import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from kun_recipes.errors import UserError
from kun_recipes.training import attention
from kun_recipes.training.attention import FLASH, check_kernels, choose_attention

ON_CPU = ["eager", "sdpa", "varlen_sdpa"]
SHAPE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.2,
}
LENGTHS = [7, 1, 12, 4]


def make_model(config_class, implementation):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config_class(**SHAPE), attn_implementation=implementation).eval()


@pytest.fixture
def conversations():
    torch.manual_seed(1)
    return [torch.randint(1, 50, (length,)) for length in LENGTHS]


@torch.no_grad()
def logits_alone(model, conversations):
    return torch.cat([model(input_ids=ids[None], use_cache=False).logits[0] for ids in conversations])


@pytest.mark.parametrize("implementation", ON_CPU)
@pytest.mark.parametrize("config_class", [LlamaConfig, Qwen2Config, Qwen3Config])
def test_conversations_that_share_a_row_do_not_see_each_other(config_class, implementation, conversations):
    model = make_model(config_class, implementation)
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    batch = collate([{"input_ids": ids.tolist(), "labels": ids.tolist()} for ids in conversations])
    assert batch["input_ids"].shape == (1, sum(LENGTHS))
    assert "attention_mask" not in batch
    alone = logits_alone(model, conversations)
    with torch.no_grad():
        together = model(**{**batch, "labels": None}, use_cache=False).logits[0]
        contaminated = model(input_ids=batch["input_ids"], use_cache=False).logits[0]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (contaminated - alone)[LENGTHS[0] :].abs().max() > 0.01  # what the comparison can see


@pytest.mark.parametrize("implementation", ON_CPU)
@pytest.mark.parametrize("config_class", [LlamaConfig, Qwen2Config, Qwen3Config])
def test_conversations_in_several_packed_rows_do_not_see_each_other(config_class, implementation, conversations):
    model = make_model(config_class, implementation)
    rows = [conversations[:2] + conversations[3:], conversations[2:3]]  # 12 tokens each
    with torch.no_grad():
        together = model(
            input_ids=torch.stack([torch.cat(row) for row in rows]),
            position_ids=torch.stack([torch.cat([torch.arange(len(ids)) for ids in row]) for row in rows]),
            use_cache=False,
        ).logits
    for row, logits in zip(rows, together, strict=True):
        torch.testing.assert_close(logits, logits_alone(model, row), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("implementation", ON_CPU)
def test_no_gradient_crosses_from_one_conversation_to_another(implementation, conversations):
    model = make_model(Qwen2Config, implementation)
    embedded = model.get_input_embeddings()(torch.cat(conversations)[None]).detach().requires_grad_()
    bounds = torch.tensor([0, *LENGTHS]).cumsum(0).to(torch.int32)
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None]
    logits = model(inputs_embeds=embedded, position_ids=positions, cu_seq_lens_q=bounds, use_cache=False).logits
    logits[0, bounds[2] : bounds[3]].sum().backward()  # the third conversation
    touched = embedded.grad[0].abs().sum(dim=1) > 0
    own = torch.zeros_like(touched)
    own[bounds[2] : bounds[3]] = True
    assert touched.equal(own)


def test_varlen_sdpa_masks_padding_like_sdpa(conversations):
    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    batch = collate([{"input_ids": ids.tolist(), "labels": ids.tolist()} for ids in conversations])
    seen = batch.pop("attention_mask").bool()
    with torch.no_grad():
        results = [
            make_model(Qwen2Config, name)(batch["input_ids"], attention_mask=seen, use_cache=False).logits[seen]
            for name in ("varlen_sdpa", "sdpa")
        ]
    torch.testing.assert_close(*results)


def test_varlen_sdpa_attends_within_one_conversation_at_a_time(conversations, monkeypatch):
    shapes = []
    forward = attention.sdpa_attention_forward

    def keep(module, query, key, value, mask, **kwargs):
        shapes.append((query.shape[2], key.shape[2]))
        return forward(module, query, key, value, mask, **kwargs)

    monkeypatch.setattr(attention, "sdpa_attention_forward", keep)
    bounds = torch.tensor([0, *LENGTHS]).cumsum(0).to(torch.int32)
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None]
    ids = torch.cat(conversations)[None]
    make_model(Qwen2Config, "varlen_sdpa")(ids, position_ids=positions, cu_seq_lens_q=bounds, use_cache=False)
    assert shapes == [(length, length) for length in LENGTHS] * SHAPE["num_hidden_layers"]


@pytest.mark.parametrize(
    ("asked", "shared_rows", "on_gpu", "installed", "chosen"),
    [
        (None, False, False, [], "sdpa"),
        (None, True, False, [], "varlen_sdpa"),
        (None, True, True, [], "sdpa"),
        (None, True, True, ["flash_attention_2"], "flash_attention_2"),
        (None, False, True, ["flash_attention_2", "flash_attention_3"], "flash_attention_3"),
        (None, True, False, ["flash_attention_2"], "varlen_sdpa"),
        ("eager", True, True, ["flash_attention_2"], "eager"),
        ("flash_attention_2", True, True, ["flash_attention_2"], "flash_attention_2"),
    ],
)
def test_choice_of_attention(monkeypatch, asked, shared_rows, on_gpu, installed, chosen):
    for name in FLASH:
        monkeypatch.setitem(FLASH, name, lambda name=name, kernels_fallback_ok=False: name in installed)
    assert choose_attention(asked, shared_rows, on_gpu) == chosen


def test_missing_flash_attention_is_refused():
    with pytest.raises(
        UserError, match="attn_implementation: flash_attention_2 needs a GPU and one of the packages flash-attn"
    ):
        choose_attention("flash_attention_2", shared_rows=True, on_gpu=False)


@pytest.mark.parametrize(("on_gpu", "message"), [(False, "needs a GPU"), (True, "needs the package kernels")])
def test_hub_kernels_that_cannot_run_are_refused(monkeypatch, on_gpu, message):
    monkeypatch.setattr(attention, "is_kernels_available", lambda: False)
    check_kernels({"use_kernels": False}, on_gpu)
    with pytest.raises(UserError, match=message):
        check_kernels({"use_kernels": True}, on_gpu)


def test_transformers_loads_hub_kernels_where_they_can_run(monkeypatch):
    monkeypatch.setattr(attention, "is_kernels_available", lambda: True)
    check_kernels({"use_kernels": True}, on_gpu=True)
