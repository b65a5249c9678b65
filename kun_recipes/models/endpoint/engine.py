"""The endpoint engine: a model behind an address writes and chooses. It scores nothing: no server gives that."""

import hashlib
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from kun_recipes.errors import UserError
from kun_recipes.models.endpoint.client import GOES_ON, Client, Outcome, Request
from kun_recipes.models.endpoint.record import Answer, Record
from kun_recipes.models.endpoint.replies import Refused
from kun_recipes.models.engines.base import Completion, Prompt, RowsRefused, Sampling
from kun_recipes.models.engines.settings import EngineSettings
from kun_recipes.progress import progress_bar

SEEDS = 2**31
"""Servers take seeds below it."""

ASKED_IN_VAIN = 20
"""Requests; where none of so many has what it should have, no further one is paid for."""


class EndpointEngine:
    """A model behind an address. See `engines.base.Engine` for the methods.

    Several threads may ask at a time. The server counts tokens and knows its context: it refuses what is too long.

    Raises:
        RowsRefused: the server refuses some of the prompts. The others are answered, and not asked for again.
        UserError: it cannot be asked, or gives no log-probabilities where they are needed.
    """

    def __init__(self, settings: EngineSettings):
        assert settings.endpoint is not None  # `EngineConfig.settings` sets it with this engine
        self.model, self.endpoint = settings.model, settings.endpoint
        self.client = Client(self.endpoint)
        self.record: Record | None = Record(Path(self.endpoint.record)) if self.endpoint.record else None
        self._known: dict[bytes, Answer] = {}
        self._refused: dict[bytes, str] = {}
        self._in_a_row = self._uncovered = 0
        self._worked = 0
        self._counting = threading.Lock()

    @property
    def context_length(self) -> int:
        return sys.maxsize

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return upper bounds: a token is at least one byte."""
        return [sum(len(turn["content"].encode()) for turn in prompt) for prompt in prompts]

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int | None] | None = None
    ) -> list[Completion]:
        if sampling.temperature > 0 and prompts and seeds is None:
            raise ValueError("sampling at a temperature above 0 needs seeds, one per prompt")
        drawn = seeds if seeds is not None and sampling.temperature > 0 else [None] * len(prompts)
        asked = [self.text_request(prompt, sampling, seed) for prompt, seed in zip(prompts, drawn, strict=True)]
        answers = self._ask(prompts, asked, "generate")
        return [Completion(one.text, one.tokens, one.finish_reason, one.logprob) for one in answers]

    def choose(self, prompts: Sequence[Prompt], choices: Sequence[str]) -> list[list[float]]:
        for place, one in enumerate(choices):
            for other in (*choices[:place], *choices[place + 1 :]):
                if other.startswith(one):
                    raise ValueError(f"choice {other!r} begins with the tokens of choice {one!r}")
        answers = self._ask(prompts, [self.choice_request(prompt, choices) for prompt in prompts], "choose")
        return [list(one.logprobs) for one in answers]

    def score(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[float]:
        raise UserError("engine openai cannot measure how likely a given text is; choose transformers or vllm")

    def take_worked(self) -> int:
        with self._counting:
            worked, self._worked = self._worked, 0
        return worked

    def close(self) -> None:
        if self.record:
            self.record.close()

    def check(self, writes: Sampling | None, chooses: bool) -> None:
        """Ask for one token, as the stage will: a server that cannot do it says so before any row is asked about.

        Args:
            writes: how texts will be written; None: none.
        """
        prompt = [{"role": "user", "content": "你好"}]
        requests = [self.text_request(prompt, writes, 0 if writes.temperature else None, 1)] if writes else []
        requests += [self.choice_request(prompt, ("是", "否"))] if chooses else []
        for request in requests:
            self.client.ask([request], self._check)

    def _check(self, _: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            raise UserError(f"{self.endpoint.base_url}: {outcome}; check the options of the request and the model")

    def text_request(
        self, prompt: Prompt, sampling: Sampling, seed: int | None, max_tokens: int | None = None
    ) -> Request:
        values: dict[str, Any] = {"max_tokens": max_tokens or sampling.max_new_tokens, "temperature": 0.0}
        if seed is not None:
            values |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed % SEEDS}
        if sampling.repetition_penalty != 1:
            values["repetition_penalty"] = sampling.repetition_penalty
        if self.endpoint.logprobs:
            values["logprobs"] = True
        return Request(self._body(prompt, values))

    def choice_request(self, prompt: Prompt, choices: Sequence[str]) -> Request:
        """Return at temperature 1, so that a server which applies it gives the model's own probabilities."""
        values = {"max_tokens": 1, "temperature": 1.0, "seed": 0}
        values |= {"logprobs": True, "top_logprobs": self.endpoint.top_logprobs}
        return Request(self._body(prompt, values), tuple(choices))

    def _body(self, prompt: Prompt, values: dict[str, Any]) -> bytes:
        body = {"model": self.model, "messages": prompt, **values, **self.endpoint.further_fields()}
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)

    def _ask(self, prompts: Sequence[Prompt], requests: Sequence[Request], description: str) -> list[Answer]:
        """Return the answers in the order of the requests; ask only for those that are missing."""
        keys = [_key(request) for request in requests]
        missing = {
            key: request
            for key, request in zip(keys, requests, strict=True)
            if not (self._has(key) or key in self._refused)
        }
        with progress_bar(len(missing), description) as bar:

            def took(request: Request, outcome: Outcome) -> None:
                self._take(_key(request), outcome)
                bar.update()

            self.client.ask([*missing.values()], took)
        refused = [
            (prompt, self._refused[key]) for prompt, key in zip(prompts, keys, strict=True) if key in self._refused
        ]
        if refused:
            raise RowsRefused(refused)
        return [self._get(key) for key in keys]

    def _take(self, key: bytes, outcome: Outcome) -> None:
        """Keep an answer, unless it shows that further requests are useless."""
        if isinstance(outcome, Refused):
            self._refused[key] = str(outcome)
            self._in_a_row += 1
            if self._in_a_row >= ASKED_IN_VAIN:
                raise UserError(
                    f"{self.endpoint.base_url}: refused {ASKED_IN_VAIN} requests in a row: {outcome}; {GOES_ON}"
                )
            return
        self._in_a_row = 0
        if self.record:
            self.record.add(key, outcome)
        else:
            self._known[key] = outcome
        with self._counting:
            self._worked += (outcome.prompt_tokens or 0) + (outcome.completion_tokens or 0)
        if outcome.choices:
            self._uncovered = -1 if outcome.covered or self._uncovered < 0 else self._uncovered + 1
            if self._uncovered >= ASKED_IN_VAIN:
                raise UserError(
                    f"{self.endpoint.base_url}: none of {', '.join(outcome.choices)} was among the likeliest first "
                    f"tokens of {ASKED_IN_VAIN} answers: the model does not choose. If it thinks first, turn that "
                    "off with request_fields; otherwise use another prompt, or judge with engine transformers or vllm"
                )

    def _has(self, key: bytes) -> bool:
        return key in self.record if self.record else key in self._known

    def _get(self, key: bytes) -> Answer:
        return self.record.get(key) if self.record else self._known[key]


def _key(request: Request) -> bytes:
    """Return the hash that identifies an answer: of the whole request, and nothing of the server."""
    asked = orjson.dumps([request.body.decode(), request.choices])
    return hashlib.sha256(asked).digest()[:16]


def check_endpoint(settings: EngineSettings, writes: Sampling | None, chooses: bool) -> None:
    """Ask a server for one token, so that its faults are reported before any work."""
    assert settings.endpoint is not None
    unrecorded = replace(settings, endpoint=replace(settings.endpoint, record=None))
    EndpointEngine(unrecorded).check(writes, chooses)
