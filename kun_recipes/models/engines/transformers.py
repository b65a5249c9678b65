"""The transformers engine: the embedded default where there is no GPU, measured by benchmarks/engines.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM

from kun_recipes.models.engines.base import Completion, Sampling
from kun_recipes.models.engines.batching import left_padded, token_batches
from kun_recipes.models.engines.chats import ChatTokenizer, load_part
from kun_recipes.models.engines.decoding import Answer, decode
from kun_recipes.models.engines.forward import PrefixedRows, check_cached
from kun_recipes.models.engines.settings import MAX_BATCH_TOKENS, EngineSettings
from kun_recipes.models.engines.token_engine import Pair, TokenEngine
from kun_recipes.progress import progress_bar

LOGITS_WEIGHT = 8
"""Tokens of the cache's budget that one position's logits count as: 150,000 floats, where a token's keys and values
are a few thousand, but short-lived."""


class TransformersEngine(TokenEngine):
    """A causal language model on the CPU, or on the GPU if there is one. See `engines.base.Engine` for the methods.

    Batches are sorted by length and sized by tokens; the prompts' shared beginning is encoded once per call.
    """

    def __init__(self, settings: EngineSettings):
        folder = Path(settings.model)
        super().__init__(ChatTokenizer.load(folder, settings.plain, settings.template_arguments()))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = getattr(torch, settings.resolved_dtype())
        self.model = load_part(AutoModelForCausalLM, folder, dtype=dtype).to(device).eval()
        check_cached(self.model, folder)
        self.max_batch_tokens = settings.max_batch_tokens or MAX_BATCH_TOKENS

    @torch.inference_mode()
    def write(self, rows: list[list[int]], sampling: Sampling, seeds: Sequence[int | None]) -> list[Completion]:
        completions: dict[int, Completion] = {}
        with progress_bar(len(rows), "generate") as bar:
            for answer in self._answers(rows, sampling, seeds):
                assert answer.finish_reason is not None  # `decode` yields finished ones
                completions[answer.number] = self.completion(answer.tokens, answer.logprobs, answer.finish_reason)
                bar.update()
        return [completions[number] for number in range(len(rows))]

    @torch.inference_mode()
    def token_logprobs(self, rows: list[list[int]], tokens: list[int]) -> list[list[float]]:
        """Return the log-probabilities by the logits of the last position alone."""
        prefixed = PrefixedRows(self.model, rows, limit=min(map(len, rows)) - 1)
        results: dict[int, list[float]] = {}
        with progress_bar(len(rows), "choose") as bar:
            for numbers in token_batches([len(row) for row in rows], self.max_batch_tokens):
                logits, _ = prefixed.forward(numbers)
                last = logits[:, -1].float()
                logprobs = last[:, tokens] - last.logsumexp(dim=-1, keepdim=True)
                results.update(zip(numbers, logprobs.tolist(), strict=True))
                bar.update(len(numbers))
        return [results[number] for number in range(len(rows))]

    @torch.inference_mode()
    def answer_logprobs(self, pairs: list[Pair], description: str) -> list[float]:
        """Return the log-probabilities by the logits at the answers' positions only."""
        rows = [prompt + answer[:-1] for prompt, answer in pairs]
        prefixed = PrefixedRows(self.model, rows, limit=min(len(prompt) for prompt, _ in pairs) - 1)
        sizes = [len(row) + LOGITS_WEIGHT * len(answer) for row, (_, answer) in zip(rows, pairs, strict=True)]
        results: dict[int, float] = {}
        with progress_bar(len(rows), description) as bar:
            for numbers in token_batches(sizes, self.max_batch_tokens):
                answers, mask = left_padded([pairs[number][1] for number in numbers])
                logits, _ = prefixed.forward(numbers, keep=len(answers[0]))
                logprobs = _token_logprobs(logits.float(), torch.tensor(answers, device=logits.device))
                sums = (logprobs * torch.tensor(mask, device=logits.device)).sum(dim=-1, dtype=torch.float64)
                results.update(zip(numbers, sums.tolist(), strict=True))
                bar.update(len(numbers))
        return [results[number] for number in range(len(rows))]

    def close(self) -> None:
        del self.model
        torch.cuda.empty_cache()

    def _answers(self, rows: list[list[int]], sampling: Sampling, seeds: Sequence[int | None]) -> Iterator[Answer]:
        prefixed = PrefixedRows(self.model, rows, limit=min(map(len, rows)) - 1)
        for numbers in token_batches([len(row) + sampling.max_new_tokens for row in rows], self.max_batch_tokens):
            logits, batch = prefixed.forward(numbers)
            randoms = [None if (seed := seeds[number]) is None else Random(seed) for number in numbers]
            answers = [Answer(n, rows[n], random) for n, random in zip(numbers, randoms, strict=True)]
            yield from decode(batch, logits, answers, sampling, self.chats.end_tokens)


def _token_logprobs(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return log-probability [rows, n] of `tokens` [rows, n] under `logits` [rows, n, vocabulary]."""
    return logits.gather(2, tokens[:, :, None]).squeeze(2) - logits.logsumexp(dim=-1)
