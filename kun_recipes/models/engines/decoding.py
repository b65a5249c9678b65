"""The decode loop: one token per row and step; rows that have ended leave the batch, so that late rows are cheap."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import torch
from transformers import RepetitionPenaltyLogitsProcessor

from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.batching import left_padded
from kun_recipes.models.engines.forward import Batch

NUCLEUS_CANDIDATES = 1024
"""Likeliest tokens among which the nucleus is looked for first: sorting all of 150,000 costs a forward pass."""


@dataclass
class Answer:
    """A row's answer while it is written.

    Attributes:
        number: of the row, for the caller.
        prompt: the row's tokens.
        random: decides the row's draws alone, so that they do not depend on the rest of the batch; None when greedy.
        logprobs: of `tokens`, nats.
    """

    number: int
    prompt: list[int]
    random: Random | None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: Literal["stop", "length"] | None = None

    def draw(self) -> float:
        """Return the point, uniform in [0, 1), that decides the next token; not for a greedy answer."""
        assert self.random is not None
        return self.random.random()

    def add(self, token: int, logprob: float, end_tokens: Set[int], max_new_tokens: int) -> None:
        if token in end_tokens:
            self.finish_reason = "stop"
            return
        self.tokens.append(token)
        self.logprobs.append(logprob)
        if len(self.tokens) == max_new_tokens:
            self.finish_reason = "length"


def decode(
    batch: Batch, logits: torch.Tensor, answers: list[Answer], sampling: Sampling, end_tokens: Set[int]
) -> Iterator[Answer]:
    """Write `answers`, one per row of `batch`, and yield each when it is finished.

    Args:
        logits: [rows, 1, vocabulary] after the prompts.
        end_tokens: tokens that end the model's turn.
    """
    while True:
        tokens, logprobs = _next_tokens(logits[:, -1].float(), answers, sampling)
        for answer, token, logprob in zip(answers, tokens, logprobs, strict=True):
            answer.add(token, logprob, end_tokens, sampling.max_new_tokens)
        yield from (answer for answer in answers if answer.finish_reason)
        running = [row for row, answer in enumerate(answers) if not answer.finish_reason]
        if not running:
            return
        if len(running) < len(answers):
            batch.select(running)
            answers = [answers[row] for row in running]
        step = torch.tensor([[answer.tokens[-1]] for answer in answers], device=logits.device)
        logits = batch.advance(step, torch.ones_like(step))


def _next_tokens(scores: torch.Tensor, answers: list[Answer], sampling: Sampling) -> tuple[list[int], list[float]]:
    """Return a token per row by `scores` [rows, vocabulary], and its log-probability before penalties."""
    penalized = scores
    if sampling.repetition_penalty != 1.0:
        history, _ = left_padded([answer.prompt + answer.tokens for answer in answers])
        penalize = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
        penalized = penalize(torch.tensor(history, device=scores.device), scores)
    tokens = penalized.argmax(dim=-1)
    drawn = [row for row, answer in enumerate(answers) if answer.random]
    if drawn:
        probabilities = (penalized[drawn] / sampling.temperature).softmax(dim=-1)
        tokens[drawn] = draw(probabilities, sampling.top_p, [answers[row].draw() for row in drawn])
    logprobs = scores.gather(1, tokens[:, None]).squeeze(1) - scores.logsumexp(dim=-1)
    return tokens.tolist(), logprobs.tolist()


def draw(probabilities: torch.Tensor, top_p: float, points: list[float]) -> torch.Tensor:
    """Draw one token per row from the nucleus of its distribution by inverting the cumulative distribution.

    Args:
        probabilities: [rows, vocabulary].
        top_p: the nucleus is the smallest set of likeliest tokens with at least this mass (Holtzman et al. 2020).
        points: one per row, uniform in [0, 1).

    Returns:
        Token ids [rows].
    """
    if top_p < 1.0:
        probabilities, tokens = nucleus(probabilities, top_p)
    cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)
    targets = torch.tensor(points, dtype=torch.float64, device=cumulative.device)[:, None] * cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, targets, right=True).clamp(max=cumulative.shape[1] - 1)
    return (tokens.gather(1, drawn) if top_p < 1.0 else drawn).squeeze(1)


def nucleus(probabilities: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the likeliest tokens in descending order: probabilities (0 outside of the nucleus) and ids.

    Both have the shape [rows, candidates].
    """
    candidates = min(NUCLEUS_CANDIDATES, probabilities.shape[1])
    likeliest, tokens = probabilities.topk(candidates)
    if candidates < probabilities.shape[1] and likeliest.sum(dim=-1).min() < top_p:
        likeliest, tokens = probabilities.sort(dim=-1, descending=True)
    mass_before = likeliest.cumsum(dim=-1) - likeliest
    return likeliest.masked_fill(mass_before >= top_p, 0.0), tokens
