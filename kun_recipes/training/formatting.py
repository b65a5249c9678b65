"""Pairs and judge items as prompt-completion conversations, the shape that TRL's SFTTrainer trains on (Kun §3.1).

forward   prompt [user x]                     completion [assistant y]
backward  prompt [user: label prompt with y]  completion [assistant x]
judge     prompt [system, user item 1]        completion [assistant verdict 1, user item 2, assistant verdict 2, ...]

The loss is on the assistant's turns of the completion. Judge items share a conversation because their prompts share
its beginning: it is encoded once for many items, and what comes before an item looks like the prompt's few-shot turns.
"""

import random
from collections.abc import Sequence

from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.data.pairs import Pair
from kun_recipes.models.engines.base import Message
from kun_recipes.models.prompts import PromptTemplate

Conversation = dict[str, list[Message]]
"""{"prompt": turns before the first trained answer, "completion": the rest}."""


def forward(seed: Pair) -> Conversation:
    """x -> y, for the primary chat model M_xy and the final model."""
    return {"prompt": [_turn("user", seed.instruction)], "completion": [_turn("assistant", seed.output)]}


def backward(seed: Pair, label_prompt: PromptTemplate) -> Conversation:
    """y -> x behind the label prompt, for the label model M_yx."""
    return {"prompt": label_prompt.render(segment=seed.output), "completion": [_turn("assistant", seed.instruction)]}


def judge_conversations(
    items: Sequence[JudgeItem], prompts: dict[str, PromptTemplate], turns: int, passes: int, seed: int
) -> list[Conversation]:
    """Lay the items of each judge into conversations of at most `turns` items.

    Args:
        prompts: prompt file by judge.
        passes: times each item occurs, each time in another order and so among other items.
        seed: of the orders.
    """
    order = random.Random(seed)
    conversations = []
    for judge, prompt in prompts.items():
        own = [item for item in items if item.judge == judge]
        for _ in range(passes):
            shuffled = order.sample(own, len(own))
            for start in range(0, len(shuffled), turns):
                conversations.append(_judge_conversation(shuffled[start : start + turns], prompt))
    return conversations


def _judge_conversation(items: Sequence[JudgeItem], prompt: PromptTemplate) -> Conversation:
    turns = []
    for item in items:
        turns += [_turn("user", prompt.ask(instruction=item.text)), _turn("assistant", item.label)]
    return {"prompt": [*prompt.system(), turns[0]], "completion": turns[1:]}


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}
