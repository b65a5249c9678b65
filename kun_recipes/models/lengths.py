"""Upper bounds of the tokens of prompts, from their bytes: where a bound says enough, nothing is tokenised."""

from collections.abc import Callable, Sequence

from kun_recipes.models.engines.base import Prompt

Count = Callable[[Sequence[Prompt]], list[int]]
"""Function that returns the tokens of each prompt: `Engine.count_tokens`."""

ANY_TEXT = "问"
"""Stands for the last turn where the others are counted: a template may leave out a turn without a text."""

SEAM_TOKENS = 8
"""By how much prompts exceed their parts counted apart: words at a seam may be cut otherwise."""


class TokenBound:
    """Upper bound of the tokens of a prompt: the bytes of its last turn, and the tokens of all that is around it.

    A token of a text is at least one byte. The rest, earlier turns and the chat template, is the same
    for all rows of a prompt file: it is counted once.

    Args:
        count: the exact count.
    """

    def __init__(self, count: Count):
        self._count = count
        self._around: dict[tuple[str, ...], int] = {}

    def __call__(self, prompt: Prompt) -> int:
        *earlier, last = prompt
        key = (last["role"], *(text for turn in earlier for text in (turn["role"], turn["content"])))
        if key not in self._around:
            (self._around[key],) = self._count([[*earlier, {**last, "content": ANY_TEXT}]])
        return self._around[key] + SEAM_TOKENS + len(last["content"].encode())
