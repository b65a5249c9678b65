"""Pairs and judge items as prompt-completion conversations for TRL's SFTTrainer (Kun §3.1), and their tokenizer.

forward   prompt [user x]                     completion [assistant y, user, assistant, ...]
backward  prompt [user: label prompt with y]  completion [assistant x]
judge     prompt [system, user item 1]        completion [assistant verdict 1, user item 2, assistant verdict 2, ...]

The loss is on the assistant's turns of the completion. Judge items share a conversation because their prompts share
its beginning: it is encoded once for many items, and what comes before an item looks like the prompt's few-shot turns.

The EOS contract: a model that is not trained to stop does not stop. An explicit EOS ends every answer, it is in the
vocabulary, the chat template puts it inside the trained part, and padding is another token: with pad = EOS the end of
an answer is masked away with the padding.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase
from trl.chat_template_utils import has_generation_markers

from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.data.pairs import Pair
from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Message
from kun_recipes.models.prompts import PromptTemplate
from kun_recipes.models.templates import template_arguments
from kun_recipes.training.options import TrainingOptions

Conversation = dict[str, list[Message]]
"""{"prompt": turns before the first trained answer, "completion": the rest}."""

PAD_TOKENS = ("<|endoftext|>", "<pad>", "<|pad|>", "[PAD]", "<unk>")
"""Tokens to pad with, in order of preference, if the tokenizer names no padding token or names EOS."""

TURN_TOKEN = re.compile(r"<\|\w+\|>")
"""A token that marks turns, as chat templates write it."""


def forward(seed: Pair) -> Conversation:
    """Lay out x -> y and all turns behind, for the primary chat model M_xy and the final model."""
    answers = [_turn(("assistant", "user")[place % 2], text) for place, text in enumerate([seed.output, *seed.more])]
    return {"prompt": [_turn("user", seed.instruction)], "completion": answers}


def backward(seed: Pair, label_prompt: PromptTemplate) -> Conversation:
    """Lay out y -> x of the first exchange behind the label prompt, for the label model M_yx."""
    return {"prompt": label_prompt.render(segment=seed.output), "completion": [_turn("assistant", seed.instruction)]}


def judge_conversations(
    items: Sequence[JudgeItem],
    prompts: dict[str, PromptTemplate],
    turns: int,
    passes: int,
    seed: int,
    fits: Callable[[Conversation], bool],
) -> list[Conversation]:
    """Lay the items of each judge into conversations of at most `turns` items, and of one at least.

    Args:
        prompts: prompt file by judge.
        passes: times each item occurs, each time in another order and so among other items.
        seed: of the orders.
        fits: whether a conversation is short enough; a longer one continues in the next.
    """
    order = random.Random(seed)
    conversations = []
    for judge, prompt in prompts.items():
        own = [item for item in items if item.judge == judge]
        for _ in range(passes):
            together: list[JudgeItem] = []
            for item in order.sample(own, len(own)):
                if len(together) == turns or (together and not fits(_judge_conversation([*together, item], prompt))):
                    conversations.append(_judge_conversation(together, prompt))
                    together = []
                together.append(item)
            conversations.append(_judge_conversation(together, prompt))
    return conversations


def _judge_conversation(items: Sequence[JudgeItem], prompt: PromptTemplate) -> Conversation:
    turns = []
    for item in items:
        question = prompt.ask(instruction=item.text, output=item.output, segment=item.segment)
        turns += [_turn("user", question), _turn("assistant", item.label)]
    return {"prompt": [*prompt.system(), turns[0]], "completion": turns[1:]}


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def find_marker(conversation: Conversation, markers: re.Pattern[str]) -> str | None:
    """Return a chat marker that a turn holds in its text, where it would be read as the end or beginning of a turn."""
    found = (markers.search(turn["content"]) for part in conversation.values() for turn in part)
    return next((match[0] for match in found if match), None)


def load_tokenizer(config: TrainingOptions, model: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of the folder `model`, set template, EOS and padding, and check the EOS contract.

    Each turn marker of the template becomes one token if the vocabulary has it.

    Raises UserError if the contract does not hold.
    """
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=config.trust_remote_code)
    if config.chat_template_path:
        tokenizer.chat_template = Path(config.chat_template_path).read_text(encoding="utf-8")
    template = template_name(config)
    if not tokenizer.chat_template or not has_generation_markers(tokenizer.chat_template):
        raise UserError(
            f"{template}: has no {{% generation %}} block, which separates the answer from the prompt; "
            "set chat_template_path: recipes/prompts/chatml.jinja"
        )
    vocabulary = tokenizer.get_vocab()
    if config.eos_token not in vocabulary:
        raise UserError(f"eos_token: {config.eos_token} is not in the vocabulary of {config.model_name_or_path}")
    # Yi's base model has them in its vocabulary and its tokenizer, which does not know that, splits them into letters
    turn_tokens = {config.eos_token, *TURN_TOKEN.findall(tokenizer.chat_template)} & vocabulary.keys()
    tokenizer.add_tokens(sorted(turn_tokens), special_tokens=True)
    tokenizer.eos_token = config.eos_token
    tokenizer.pad_token = _pad_token(tokenizer, vocabulary, config.model_name_or_path)
    _check_end_of_turn(tokenizer, template, template_arguments(tokenizer, config.chat_template_kwargs or {}))
    return tokenizer


def template_name(config: TrainingOptions) -> str:
    """Return what messages call the chat template."""
    return config.chat_template_path or f"the chat template of {config.model_name_or_path}"


def _pad_token(tokenizer: PreTrainedTokenizerBase, vocabulary: dict[str, int], model: str) -> str:
    for token in (tokenizer.pad_token, *PAD_TOKENS):
        if token in vocabulary and token != tokenizer.eos_token:
            return token
    raise UserError(
        f"{model}: has no padding token other than EOS; add one of {', '.join(PAD_TOKENS)} to its tokenizer"
    )


def _check_end_of_turn(tokenizer: PreTrainedTokenizerBase, template: str, arguments: Mapping[str, Any]) -> None:
    chat = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    encoded = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True, **arguments)
    trained = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
    if not trained or trained[-1] != tokenizer.eos_token_id:
        raise UserError(f"{template}: the {{% generation %}} block does not end with eos_token {tokenizer.eos_token}")
