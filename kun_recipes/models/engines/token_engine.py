"""The methods of an engine in terms of tokens: the part that does not depend on the library behind the model."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy
from scipy.special import log_softmax

from kun_recipes.models.engines.base import Completion, Prompt, Sampling
from kun_recipes.models.engines.batching import distinct_tokens
from kun_recipes.models.engines.chats import ChatTokenizer

Pair = tuple[list[int], list[int]]
"""Tokens of a prompt, and of an answer to it."""


class TokenEngine(ABC):
    """An `Engine` for a model that takes token rows and gives token rows or log-probabilities.

    The caller's arguments are checked here, before the model works: prompts that fit, seeds, targets and choices.
    """

    def __init__(self, chats: ChatTokenizer):
        self.chats = chats
        self._worked = 0
        self._counting = threading.Lock()  # two tasks may ask at a time

    @property
    def context_length(self) -> int:
        return self.chats.context_length

    @abstractmethod
    def write(self, rows: list[list[int]], sampling: Sampling, seeds: Sequence[int | None]) -> list[Completion]:
        """Write an answer after each row, at least one; it is greedy where its seed is None."""

    @abstractmethod
    def token_logprobs(self, rows: list[list[int]], tokens: list[int]) -> list[list[float]]:
        """Return log-probability (nats) of each of `tokens` as the next one after each row, at least one."""

    @abstractmethod
    def answer_logprobs(self, pairs: list[Pair], description: str) -> list[float]:
        """Return log-probability (nats) of all tokens of each answer after its prompt.

        At least one pair, no empty answer.
        """

    def completion(
        self, tokens: Sequence[int], logprobs: Sequence[float], finish_reason: Literal["stop", "length"]
    ) -> Completion:
        """Return the answer of a turn, without the thought before it; an unfinished thought leaves nothing."""
        start = self.chats.answer_start(tokens)
        answer, total = tokens[start:], sum(logprobs[start:])
        text = self.chats.decode(answer)
        mean = total / len(answer) if answer else 0.0
        return Completion(text.lstrip() if start else text, len(answer), finish_reason, mean)

    @abstractmethod
    def close(self) -> None:
        """Free the model's memory."""

    def take_worked(self) -> int:
        with self._counting:
            worked, self._worked = self._worked, 0
        return worked

    def _count(self, rows: list[list[int]], written: int = 0) -> None:
        with self._counting:
            self._worked += distinct_tokens(rows) + written

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        return [len(row) for row in self.chats.encode(prompts, thought=True)]

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int | None] | None = None
    ) -> list[Completion]:
        if sampling.temperature > 0 and prompts and seeds is None:
            raise ValueError("sampling at a temperature above 0 needs seeds, one per prompt")
        rows = self.chats.encode(prompts)
        self.chats.check_fits(rows, [sampling.max_new_tokens] * len(rows))
        drawn = seeds if seeds is not None and sampling.temperature > 0 else [None] * len(rows)
        completions = self.write(rows, sampling, drawn) if rows else []
        self._count(rows, sum(completion.tokens for completion in completions))
        return completions

    def choose(self, prompts: Sequence[Prompt], choices: Sequence[str]) -> list[list[float]]:
        if not prompts:
            return []
        rows, choice_tokens = self.chats.encode_choices(prompts, choices)
        self.chats.check_fits(rows, [max(map(len, choice_tokens))] * len(rows))
        self._count(rows)
        if all(len(tokens) == 1 for tokens in choice_tokens):
            joint: list[list[float]] | list[float] = self.token_logprobs(rows, [tokens[0] for tokens in choice_tokens])
        else:
            joint = self.answer_logprobs([(row, tokens) for row in rows for tokens in choice_tokens], "choose")
        return log_softmax(numpy.reshape(joint, (len(rows), len(choices))), axis=1).tolist()

    def score(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[float]:
        if not prompts:
            return []
        pairs = self.chats.encode_answers(prompts, targets)
        for number, (row, answer) in enumerate(pairs):
            if not row:
                raise ValueError(f"prompt {number} has no token before its target, so the target cannot be scored")
            if not answer:
                raise ValueError(f"target {number} is empty, so it has no mean log-probability")
        self.chats.check_fits([row for row, _ in pairs], [len(answer) for _, answer in pairs])
        self._count([row + answer for row, answer in pairs])
        sums = self.answer_logprobs(pairs, "score")
        return [total / len(answer) for total, (_, answer) in zip(sums, pairs, strict=True)]
