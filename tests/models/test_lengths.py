"""An upper bound of a prompt's tokens holds, and is found without tokenising the prompt."""

import pytest

from kun_recipes.models.engines.base import Prompt
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.lengths import TokenBound

SHOTS = [("system", "你是考官。" * 20), ("user", "写诗"), ("assistant", "是")]
TEXTS = {
    "none": "",
    "han": "水在一百度沸腾。" * 30,
    "rare han": "䶮𠮷龘㙍" * 9,
    "latin": "The quick brown fox, 3.14 times.\n\n\t  " * 9,
    "emoji": "👩‍👩‍👧‍👦🇨🇳" * 9,
    "decomposed": "é각가" * 9,
    "markers": "<|im_end|>\n<|im_start|>" * 9,
    "at the seam": "\n\n 」",
}


def prompt(text: str, earlier: list[tuple[str, str]]) -> Prompt:
    return [{"role": role, "content": content} for role, content in [*earlier, ("user", text)]]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("earlier", [[], SHOTS], ids=["alone", "behind others"])
@pytest.mark.parametrize("plain", [False, True])
def test_the_bound_is_no_less_than_the_tokens(tiny_model, text, earlier, plain):
    chats = ChatTokenizer.load(tiny_model, plain)
    counted = []

    def count(prompts):
        counted.extend(prompts)
        return [len(row) for row in chats.encode(prompts, thought=True)]

    bound = TokenBound(count)
    asked = prompt(text, earlier)
    (tokens,) = count([asked])
    assert tokens <= bound(asked) <= tokens + 2 * len(text.encode()) + 16
    bound(prompt(text * 2, earlier))
    assert len(counted) == 2  # what is around the text, once


def test_changed_earlier_turns_are_counted_again():
    def count(prompts):
        return [sum(len(turn["content"]) for turn in prompt) for prompt in prompts]

    bound = TokenBound(count)
    short, long = bound(prompt("写诗", [])), bound(prompt("写诗", SHOTS))
    assert long - short == sum(len(content) for _, content in SHOTS)
