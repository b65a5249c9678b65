"""Chat markers in texts: tokens such as <|im_end|> that a chat template writes, and a text must not."""

import re
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

BRACKETED = re.compile(r"[<\[].*[>\]]")
NEVER = re.compile(r"(?!)")


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
