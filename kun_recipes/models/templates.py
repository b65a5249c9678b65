"""Chat templates: the tokens that they alone may write, the roles that they take, and the thoughts of models."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from kun_recipes.models.engines.base import Message, Prompt

BRACKETED = re.compile(r"[<\[].*[>\]]")
NEVER = re.compile(r"(?!)")
THOUGHT = r"<(think|thinking|thought|reasoning)>"
"""Tag before the thoughts that a model writes before its answer."""

NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})
THINKING = "enable_thinking"
"""Argument by which chat templates put an empty thought before the answer."""

BEGINS_THOUGHT = re.compile(rf"\s*{THOUGHT}")
OPENS_THOUGHT = re.compile(rf"{THOUGHT}\s*$")


def marker_pattern(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """Return what finds the tokenizer's special tokens in a text, and added ones in brackets, such as <think>.

    Other added tokens, such as runs of blanks, are text.
    """
    added = tokenizer.added_tokens_decoder.values()
    return _any_of(frozenset(token.content for token in added if token.special or BRACKETED.fullmatch(token.content)))


@lru_cache(maxsize=8)
def _any_of(markers: frozenset[str]) -> re.Pattern[str]:
    ordered = sorted(filter(None, markers), key=lambda marker: (-len(marker), marker))
    return re.compile("|".join(map(re.escape, ordered))) if ordered else NEVER


def unthinking(tokenizer: PreTrainedTokenizerBase) -> dict[str, bool]:
    """Return the arguments by which the chat template lets the model answer at once; none if it knows no thoughts."""
    return {THINKING: False} if THINKING in str(tokenizer.chat_template) else {}


def template_arguments(tokenizer: PreTrainedTokenizerBase, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the chat template: those given, and no thoughts unless they say otherwise."""
    return {**unthinking(tokenizer), **given}


def takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the chat template has a place for a system turn: some reject it, some omit it."""
    chat = [{"role": "system", "content": "系统"}, {"role": "user", "content": "问"}]
    try:
        return "系统" in tokenizer.apply_chat_template(chat, tokenize=False)
    except TemplateError:
        return False


def fold_system(turns: Sequence[Message]) -> Prompt:
    """Return the turns with the text of the system turn at the beginning of the first one after it."""
    if len(turns) < 2 or turns[0]["role"] != "system":
        return list(turns)
    system, first, *rest = turns
    return [{**first, "content": f"{system['content']}\n\n{first['content']}"}, *rest]
