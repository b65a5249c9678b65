"""The transformers engine: the embedded default where there is no GPU, measured by benchmarks/engines.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from kun_recipes.engines.base import Completion, Prompt, Sampling
from kun_recipes.engines.batching import left_padded, token_batches
from kun_recipes.engines.chats import ChatTokenizer
from kun_recipes.engines.decoding import Answer, decode
from kun_recipes.engines.forward import PrefixedRows
from kun_recipes.errors import UserError
from kun_recipes.hardware import fast_dtype
from kun_recipes.progress import progress_bar

LOGITS_WEIGHT = 8
"""Tokens of the cache's budget that one position's logits count as: 150,000 floats, where a token's keys and values
are a few thousand, but short-lived."""


class TransformersEngine:
    """A causal language model on the CPU, or on the GPU if there is one. See `engines.base.Engine` for the verbs.

    Batches are sorted by length and sized by tokens; the prompts' shared beginning is encoded once a call.

    Args:
        folder: a model with a tokenizer and its chat template.
        dtype: "auto", "float32" or "bfloat16".
        max_batch_tokens: tokens that a batch's keys and values may hold, padding included.
    """

    def __init__(self, folder: Path, dtype: str = "auto", max_batch_tokens: int = 8192):
        logging.disable_progress_bar()  # loading weights takes seconds, and the bar shows without a terminal
        tokenizer = _load(AutoTokenizer, folder)
        if not tokenizer.chat_template:
            raise UserError(f"{folder}: no chat template; use a chat model or add a chat_template.jinja")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        format_ = fast_dtype() if dtype == "auto" else getattr(torch, dtype)
        self.model = _load(AutoModelForCausalLM, folder, dtype=format_).to(device).eval()
        self.max_batch_tokens = max_batch_tokens
        self.context_length: int = self.model.config.get_text_config().max_position_embeddings
        self.chats = ChatTokenizer(tokenizer, self.context_length)
        self.end_tokens = _end_tokens(self.model.generation_config.eos_token_id, tokenizer.eos_token_id)

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        return [len(row) for row in self.chats.encode(prompts)]

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int] | None = None
    ) -> list[Completion]:
        if not prompts:
            return []
        if sampling.temperature > 0 and seeds is None:
            raise ValueError("sampling at a temperature above 0 needs seeds, one a prompt")
        rows = self.chats.encode(prompts)
        self.chats.check_fits(rows, [sampling.max_new_tokens] * len(rows))
        completions: dict[int, Completion] = {}
        with progress_bar(len(rows), "generate") as bar:
            for answer in self._answers(rows, sampling, seeds):
                completions[answer.number] = self._completion(answer)
                bar.update()
        return [completions[number] for number in range(len(rows))]

    @torch.inference_mode()
    def choose(self, prompts: Sequence[Prompt], choices: Sequence[str]) -> list[list[float]]:
        if not prompts:
            return []
        choice_tokens = self.chats.encode_choices(prompts[0], choices)
        rows = self.chats.encode(prompts)
        self.chats.check_fits(rows, [max(map(len, choice_tokens))] * len(rows))
        if all(len(tokens) == 1 for tokens in choice_tokens):
            return self._choose_tokens(rows, [tokens[0] for tokens in choice_tokens])
        pairs = [(row, tokens) for row in rows for tokens in choice_tokens]
        joint = torch.tensor(self._answer_logprobs(pairs, "choose"), dtype=torch.float64)
        return joint.view(len(rows), len(choices)).log_softmax(dim=-1).tolist()

    @torch.inference_mode()
    def score(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[float]:
        if not prompts:
            return []
        pairs = self.chats.encode_answers(prompts, targets)
        for number, (_, answer) in enumerate(pairs):
            if not answer:
                raise ValueError(f"target {number} is empty: it has no mean log-probability")
        self.chats.check_fits([row for row, _ in pairs], [len(answer) for _, answer in pairs])
        sums = self._answer_logprobs(pairs, "score")
        return [total / len(answer) for total, (_, answer) in zip(sums, pairs, strict=True)]

    def _answers(self, rows: list[list[int]], sampling: Sampling, seeds: Sequence[int] | None) -> Iterator[Answer]:
        prefixed = PrefixedRows(self.model, rows, limit=min(map(len, rows)) - 1)
        for numbers in token_batches([len(row) + sampling.max_new_tokens for row in rows], self.max_batch_tokens):
            logits, batch = prefixed.forward(numbers)
            randoms = [Random(seeds[number]) if seeds is not None else None for number in numbers]
            answers = [Answer(n, rows[n], random) for n, random in zip(numbers, randoms, strict=True)]
            yield from decode(batch, logits, answers, sampling, self.end_tokens)

    def _completion(self, answer: Answer) -> Completion:
        text = self.chats.tokenizer.decode(answer.tokens, skip_special_tokens=True)
        length = len(answer.tokens)
        return Completion(text, length, answer.finish_reason, answer.logprob / length if length else 0.0)

    def _choose_tokens(self, rows: list[list[int]], choices: list[int]) -> list[list[float]]:
        """Log-probabilities of one-token choices, from the last position's logits alone."""
        prefixed = PrefixedRows(self.model, rows, limit=min(map(len, rows)) - 1)
        results: dict[int, list[float]] = {}
        with progress_bar(len(rows), "choose") as bar:
            for numbers in token_batches([len(row) for row in rows], self.max_batch_tokens):
                logits, _ = prefixed.forward(numbers)
                logprobs = logits[:, -1, choices].float().log_softmax(dim=-1)
                results.update(zip(numbers, logprobs.tolist(), strict=True))
                bar.update(len(numbers))
        return [results[number] for number in range(len(rows))]

    def _answer_logprobs(self, pairs: list[tuple[list[int], list[int]]], description: str) -> list[float]:
        """Log-probability (nats) of each answer's tokens after its prompt's; logits at the answers' positions only."""
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


def _load(kind: type, folder: Path, **options):
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no model and tokenizer that transformers can load: {error}") from error


def _end_tokens(*settings: int | list[int] | None) -> frozenset[int]:
    """Tokens that end a turn, by the generation config and the tokenizer."""
    tokens: set[int] = set()
    for setting in settings:
        tokens.update([setting] if isinstance(setting, int) else setting or [])
    return frozenset(tokens)


def _token_logprobs(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probability [rows, n] of `tokens` [rows, n] under `logits` [rows, n, vocabulary]."""
    return logits.gather(2, tokens[:, :, None]).squeeze(2) - logits.logsumexp(dim=-1)
