"""From chats to tokens: what every engine does before its model sees anything."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from kun_recipes.engines.base import Prompt, PromptTooLong
from kun_recipes.engines.batching import common_length


class ChatTokenizer:
    """Renders chats with the tokenizer's template and splits them into tokens.

    Args:
        context_length: tokens that the model takes, prompt and answer together.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, context_length: int):
        self.tokenizer = tokenizer
        self.context_length = context_length

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Tokens of each prompt, up to the header of the model's turn."""
        return self._tokenize(self._render(prompts))

    def encode_answers(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Tokens of each prompt and of its answer, as the tokenizer splits the two written together.

        Where a token spans the seam, it belongs to the answer.
        """
        chats = self._render(prompts)
        alone = self._tokenize(chats)
        together = self._tokenize([chat + answer for chat, answer in zip(chats, answers, strict=True)])
        seams = [common_length(prompt, both) for prompt, both in zip(alone, together, strict=True)]
        return [(both[:seam], both[seam:]) for both, seam in zip(together, seams, strict=True)]

    def encode_choices(self, prompt: Prompt, choices: Sequence[str]) -> list[list[int]]:
        """Tokens of each choice as an answer: the same after every prompt, as the template writes what precedes it.

        Raises ValueError when the tokens of one choice begin with the tokens of another.
        """
        tokens = [answer for _, answer in self.encode_answers([prompt] * len(choices), choices)]
        for one, first in enumerate(tokens):
            for other, second in enumerate(tokens):
                if one != other and second[: len(first)] == first:
                    raise ValueError(f"choice {choices[other]!r} begins with the tokens of choice {choices[one]!r}")
        return tokens

    def check_fits(self, rows: Sequence[list[int]], asked: Sequence[int]) -> None:
        """Raise PromptTooLong for the first row that exceeds the context with the tokens `asked` of it."""
        for number, (row, more) in enumerate(zip(rows, asked, strict=True)):
            if len(row) + more > self.context_length:
                raise PromptTooLong(
                    f"prompt {number}: {len(row)} tokens and {more} of the answer exceed the model's context of "
                    f"{self.context_length}"
                )

    def _render(self, prompts: Sequence[Prompt]) -> list[str]:
        render = self.tokenizer.apply_chat_template
        return [render(prompt, tokenize=False, add_generation_prompt=True) for prompt in prompts]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of rendered chats: the template has written the special tokens already."""
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
