"""Tiny models that are not plain transformers: linear attention, no position numbers, a past without keys."""

from transformers import BloomConfig, MambaConfig, Qwen3_5TextConfig, Qwen3NextConfig

VOCABULARY = {"vocab_size": 259, "eos_token_id": 256, "bos_token_id": None, "pad_token_id": 257}
"""The tokens of the tiny model's tokenizer."""

MIXED_ATTENTION = {
    **VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 4,  # three linear, one full
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
QWEN3_5 = Qwen3_5TextConfig(**MIXED_ATTENTION, initializer_range=0.2)
LINEAR = Qwen3NextConfig(
    **MIXED_ATTENTION,
    num_experts=2,
    num_experts_per_tok=1,
    moe_intermediate_size=16,
    shared_expert_intermediate_size=16,
    initializer_range=0.2,
)
BLOOM = BloomConfig(**VOCABULARY, hidden_size=32, n_layer=2, n_head=2, initializer_range=0.2)
MAMBA = MambaConfig(**VOCABULARY, hidden_size=32, num_hidden_layers=1, state_size=4)
