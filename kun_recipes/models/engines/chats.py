"""From a model folder to tokens and back: what every engine does before and after its model."""

import json
import sys
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PretrainedConfig, PreTrainedTokenizerBase
from transformers.utils import logging

from kun_recipes.data.folders import TRAIN_SUMMARY
from kun_recipes.errors import UserError
from kun_recipes.models.engines.base import Prompt, PromptTooLong
from kun_recipes.models.engines.batching import common_length
from kun_recipes.models.templates import (
    BEGINS_THOUGHT,
    NEVER,
    NO_ARGUMENTS,
    OPENS_THOUGHT,
    fold_system,
    marker_pattern,
    takes_system,
    template_arguments,
    unthinking,
)

_USER = {"role": "user", "content": "问"}

BREAK = "\ufdd0"
"""Noncharacter that stands where a text must be tokenised in two parts."""


class ChatTokenizer:
    """Renders chats with the tokenizer's template and splits them into tokens.

    In a chat, special tokens come from the template alone: one in a text, such as <|im_end|>, is tokenised as letters.

    Args:
        context_length: tokens that the model takes, prompt and answer together.
        end_tokens: tokens that end the model's turn.
        plain: the turns' texts stand one after another, without the template, behind what the tokenizer itself begins
            a text with.
        arguments: of the chat template. A template that knows `enable_thinking` gets false unless they say otherwise.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        context_length: int,
        end_tokens: frozenset[int],
        plain: bool = False,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
    ):
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.end_tokens = end_tokens
        self.plain = plain
        self.markers = NEVER if plain else marker_pattern(tokenizer)
        self.unthinking = {} if plain else unthinking(tokenizer)
        self.arguments = {} if plain else template_arguments(tokenizer, arguments)
        self.with_system = plain or takes_system(tokenizer)
        self.opens_thought = None if plain else OPENS_THOUGHT.search(self._render([[_USER]])[0])

    @classmethod
    def load(cls, folder: Path, plain: bool = False, arguments: Mapping[str, Any] = NO_ARGUMENTS) -> "ChatTokenizer":
        """Load the tokenizer of a folder. The model's training adds `arguments` that are not given here.

        Raises UserError when the folder has no tokenizer, or one without a chat template unless `plain`.
        """
        tokenizer = load_part(AutoTokenizer, folder)
        if not plain and not tokenizer.chat_template:
            raise UserError(f"{folder}: no chat template; use a chat model or add a chat_template.jinja")
        config = load_part(AutoConfig, folder)
        if (folder / "generation_config.json").is_file():
            generation = load_part(GenerationConfig, folder)
        else:
            generation = GenerationConfig.from_model_config(config)
        ends = _as_set(generation.eos_token_id) | _as_set(tokenizer.eos_token_id)
        return cls(tokenizer, _context_length(config, tokenizer), ends, plain, {**_trained_with(folder), **arguments})

    def encode(self, prompts: Sequence[Prompt], thought: bool = False) -> list[list[int]]:
        """Return tokens of each prompt, up to the header of the model's turn; with `thought`, behind an empty thought.

        That is where an answer begins, and the longer of the two. Models that do not think have no thought.
        """
        return self._tokenize(self._render(prompts, thought))

    def count_text(self, text: str) -> int:
        """Return the number of tokens of a text alone."""
        return self.count_texts([text])[0]

    def count_texts(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text alone."""
        return [len(row) for row in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of an answer, without special tokens."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def answer_start(self, tokens: Sequence[int]) -> int:
        """Return the place of the first token behind the thought that a turn begins with; the last, if it is open."""
        text = self.tokenizer.decode(tokens)
        opened = self.opens_thought or BEGINS_THOUGHT.match(text)
        if self.plain or not opened:
            return 0
        end = f"</{opened[1]}>"
        if end not in text:
            return len(tokens)
        places = range(1, len(tokens) + 1)
        return places[bisect_left(places, True, key=lambda place: end in self.tokenizer.decode(tokens[:place]))]

    def encode_answers(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Return tokens of each prompt and of its answer, as the tokenizer splits the two written together.

        Where a token spans the seam, it belongs to the answer.
        """
        chats = self._render(prompts, thought=True)
        alone = self._tokenize(chats)
        together = self._tokenize([chat + self._as_text(answer) for chat, answer in zip(chats, answers, strict=True)])
        seams = [common_length(prompt, both) for prompt, both in zip(alone, together, strict=True)]
        return [(both[:seam], both[seam:]) for both, seam in zip(together, seams, strict=True)]

    def encode_choices(
        self, prompts: Sequence[Prompt], choices: Sequence[str]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Return tokens of each prompt, and of each choice as an answer, which are the same after every prompt.

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
        rows = self.encode(prompts, thought=True)
        cut, more = rows[0][seam:], texts[0][seam:parting]
        if any(row[len(row) - len(cut) :] != cut for row in rows):
            raise ValueError("the prompts do not have the same ending")
        return [row[: len(row) - len(cut)] + more for row in rows], tokens

    def check_fits(self, rows: Sequence[list[int]], asked: Sequence[int]) -> None:
        """Raise PromptTooLong for the first row that exceeds the context with the tokens `asked` of it."""
        for number, (row, more) in enumerate(zip(rows, asked, strict=True)):
            if len(row) + more > self.context_length:
                raise PromptTooLong(
                    f"prompt {number}: {len(row)} tokens plus {more} for the answer exceed the model's context of "
                    f"{self.context_length}"
                )

    def _render(self, prompts: Sequence[Prompt], thought: bool = False) -> list[str]:
        texts = [[{**turn, "content": self._as_text(turn["content"])} for turn in prompt] for prompt in prompts]
        if self.plain:
            return ["".join(turn["content"] for turn in prompt) for prompt in texts]
        arguments = {**self.arguments, **self.unthinking} if thought else self.arguments
        chats = [self._apply_template(prompt, arguments) for prompt in texts]
        return [_close_thought(chat) for chat in chats] if thought else chats

    def _apply_template(self, prompt: Prompt, arguments: Mapping[str, Any]) -> str:
        turns = prompt if self.with_system else fold_system(prompt)
        try:
            return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **arguments)
        except (TemplateError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.tokenizer.name_or_path}: its chat template refuses the prompt ({error}); "
                "change the prompt file, chat_template_kwargs or the model"
            ) from error

    def _as_text(self, text: str) -> str:
        """Return the text with its markers broken, so that they are not read as tokens."""
        return self.markers.sub(lambda marker: f"{marker[0][0]}{BREAK}{marker[0][1:]}", text)

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return token ids of rendered chats: a template has written the special tokens already."""
        if not texts:
            return []
        parts = [text.split(BREAK) for text in texts]
        rows = self.tokenizer([first for first, *_ in parts], add_special_tokens=self.plain)["input_ids"]
        for row, (_, *more) in zip(rows, parts, strict=True):
            for part in more:
                row += self.tokenizer(part, add_special_tokens=False)["input_ids"]
        return rows


def _trained_with(folder: Path) -> dict[str, Any]:
    """Return the chat_template_kwargs with which a training of this package rendered its conversations."""
    summary = folder / TRAIN_SUMMARY
    config = json.loads(summary.read_text(encoding="utf-8"))["config"] if summary.is_file() else {}
    return config.get("chat_template_kwargs") or {}


def _close_thought(chat: str) -> str:
    """Return a rendered chat whose thought, if its template opens one, is empty."""
    opened = OPENS_THOUGHT.search(chat)
    return f"{chat.rstrip()}\n\n</{opened[1]}>\n\n" if opened else chat


def _context_length(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return tokens that the model takes; those of its tokenizer where positions do not bound them, as with ALiBi."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return length or min(tokenizer.model_max_length, sys.maxsize)


def load_part(kind: type[Any], folder: Path, **options: Any) -> Any:
    """Load a config, tokenizer or model from its folder, never running code that lies in it.

    Raises UserError when transformers cannot.
    """
    logging.disable_progress_bar()  # loading weights takes seconds, and the bar shows without a terminal
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: transformers cannot load the model and tokenizer: {error}") from error


def _as_set(tokens: int | list[int] | None) -> frozenset[int]:
    return frozenset([tokens] if isinstance(tokens, int) else tokens or [])
