"""The tokenizer to train with, and the EOS contract: a model that is not trained to stop does not stop.

An explicit EOS ends every answer, it is in the vocabulary, the chat template puts it inside the trained part, and
padding is another token: with pad = EOS the end of an answer is masked away with the padding.
"""

import re
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase
from trl.chat_template_utils import has_generation_markers

from kun_recipes.errors import UserError
from kun_recipes.training.config import TrainConfig

PAD_TOKENS = ("<|endoftext|>", "<pad>", "<|pad|>", "[PAD]", "<unk>")
"""Tokens to pad with, in order, where the tokenizer names none or names EOS."""

TURN_TOKEN = re.compile(r"<\|\w+\|>")
"""A token that marks turns, as chat templates name it."""


def load_tokenizer(config: TrainConfig, model: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of the folder `model`, set template, EOS and padding, and check the contract.

    What the template marks turns with is one token each, where the vocabulary has it.

    Raises UserError where the contract does not hold.
    """
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=config.trust_remote_code)
    if config.chat_template_path:
        tokenizer.chat_template = Path(config.chat_template_path).read_text(encoding="utf-8")
    template = config.chat_template_path or f"the chat template of {config.model}"
    if not tokenizer.chat_template or not has_generation_markers(tokenizer.chat_template):
        raise UserError(
            f"{template}: has no {{% generation %}} block, which tells the answer from the prompt; "
            "set chat_template_path: recipes/prompts/chatml.jinja"
        )
    vocabulary = tokenizer.get_vocab()
    if config.eos_token not in vocabulary:
        raise UserError(f"eos_token: {config.eos_token} is not in the vocabulary of {config.model}")
    # Yi's base model has them in its vocabulary and its tokenizer, which does not know that, splits them into letters
    turn_tokens = {config.eos_token, *TURN_TOKEN.findall(tokenizer.chat_template)} & vocabulary.keys()
    tokenizer.add_tokens(sorted(turn_tokens), special_tokens=True)
    tokenizer.eos_token = config.eos_token
    tokenizer.pad_token = _pad_token(tokenizer, vocabulary, config.model)
    _check_end_of_turn(tokenizer, template)
    return tokenizer


def _pad_token(tokenizer: PreTrainedTokenizerBase, vocabulary: dict[str, int], model: str) -> str:
    for token in (tokenizer.pad_token, *PAD_TOKENS):
        if token in vocabulary and token != tokenizer.eos_token:
            return token
    raise UserError(
        f"{model}: has no token to pad with other than EOS; add one of {', '.join(PAD_TOKENS)} to its tokenizer"
    )


def _check_end_of_turn(tokenizer: PreTrainedTokenizerBase, template: str) -> None:
    chat = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    encoded = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    trained = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
    if not trained or trained[-1] != tokenizer.eos_token_id:
        raise UserError(f"{template}: the {{% generation %}} block does not end with eos_token {tokenizer.eos_token}")
