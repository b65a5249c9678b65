"""From a model folder to tokens and back: what every engine does before and after its model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase
from transformers.utils import logging

from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Prompt, PromptTooLong
from kun_recipes.models.engines.batching import common_length


class ChatTokenizer:
    """Renders chats with the tokenizer's template and splits them into tokens.

    Args:
        context_length: tokens that the model takes, prompt and answer together.
        end_tokens: tokens that end the model's turn.
        plain: the turns' texts stand one after another, without the template, behind what the tokenizer itself begins
            a text with.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        context_length: int,
        end_tokens: frozenset[int],
        plain: bool = False,
    ):
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.end_tokens = end_tokens
        self.plain = plain

    @classmethod
    def load(cls, folder: Path, plain: bool = False) -> "ChatTokenizer":
        """Raises UserError when the folder has no tokenizer, or one without a chat template unless `plain`."""
        tokenizer = load_part(AutoTokenizer, folder)
        if not plain and not tokenizer.chat_template:
            raise UserError(f"{folder}: no chat template; use a chat model or add a chat_template.jinja")
        config = load_part(AutoConfig, folder)
        if (folder / "generation_config.json").is_file():
            generation = load_part(GenerationConfig, folder)
        else:
            generation = GenerationConfig.from_model_config(config)
        ends = _as_set(generation.eos_token_id) | _as_set(tokenizer.eos_token_id)
        return cls(tokenizer, config.get_text_config().max_position_embeddings, ends, plain)

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Tokens of each prompt, up to the header of the model's turn."""
        return self._tokenize(self._render(prompts))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer, without special tokens."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def encode_answers(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Tokens of each prompt and of its answer, as the tokenizer splits the two written together.

        Where a token spans the seam, it belongs to the answer.
        """
        chats = self._render(prompts)
        alone = self._tokenize(chats)
        together = self._tokenize([chat + answer for chat, answer in zip(chats, answers, strict=True)])
        seams = [common_length(prompt, both) for prompt, both in zip(alone, together, strict=True)]
        return [(both[:seam], both[seam:]) for both, seam in zip(together, seams, strict=True)]

    def encode_choices(
        self, prompts: Sequence[Prompt], choices: Sequence[str]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Tokens of each prompt, and of each choice as an answer, which are the same after every prompt.

        With what all choices begin with, the prompts end: it tells none of them apart. Where a token spans the seam
        between the two, it belongs to the choices.

        Raises ValueError when the tokens of one choice begin with the tokens of another, or when the prompts do not
        end alike, so that the seam lies elsewhere.
        """
        pairs = self.encode_answers([prompts[0]] * len(choices), choices)
        texts = [prompt + answer for prompt, answer in pairs]
        seam = min(len(prompt) for prompt, _ in pairs)
        parting = max(seam, min(common_length(min(texts), max(texts)), min(map(len, texts)) - 1))
        tokens = [text[parting:] for text in texts]
        for one, first in enumerate(tokens):
            for other, second in enumerate(tokens):
                if one != other and second[: len(first)] == first:
                    raise ValueError(f"choice {choices[other]!r} begins with the tokens of choice {choices[one]!r}")
        rows = self.encode(prompts)
        cut, more = rows[0][seam:], texts[0][seam:parting]
        if any(row[len(row) - len(cut) :] != cut for row in rows):
            raise ValueError("the prompts do not end alike")
        return [row[: len(row) - len(cut)] + more for row in rows], tokens

    def check_fits(self, rows: Sequence[list[int]], asked: Sequence[int]) -> None:
        """Raise PromptTooLong for the first row that exceeds the context with the tokens `asked` of it."""
        for number, (row, more) in enumerate(zip(rows, asked, strict=True)):
            if len(row) + more > self.context_length:
                raise PromptTooLong(
                    f"prompt {number}: {len(row)} tokens and {more} of the answer exceed the model's context of "
                    f"{self.context_length}"
                )

    def _render(self, prompts: Sequence[Prompt]) -> list[str]:
        if self.plain:
            return ["".join(turn["content"] for turn in prompt) for prompt in prompts]
        render = self.tokenizer.apply_chat_template
        return [render(prompt, tokenize=False, add_generation_prompt=True) for prompt in prompts]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Token ids of rendered chats: a template has written the special tokens already."""
        return self.tokenizer(texts, add_special_tokens=self.plain)["input_ids"] if texts else []


def load_part(kind: type[Any], folder: Path, **options: Any) -> Any:
    """Load a config, tokenizer or model from its folder, never running code that lies in it.

    Raises UserError when transformers cannot.
    """
    logging.disable_progress_bar()  # loading weights takes seconds, and the bar shows without a terminal
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no model and tokenizer that transformers can load: {error}") from error


def _as_set(tokens: int | list[int] | None) -> frozenset[int]:
    return frozenset([tokens] if isinstance(tokens, int) else tokens or [])
