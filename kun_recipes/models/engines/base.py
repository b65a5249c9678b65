"""The interface of a language model: generate, choose and score, for labels, verdicts, answers and benchmarks.

Every engine promises the same greedy text and the same log-probabilities (within the tolerance of its number format)
for the same model folder, so that a stage can change engines without changing its rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from kun_recipes.errors import UserError

Message = dict[str, str]
"""One chat turn: {"role": "system" | "user" | "assistant", "content": text}."""

Prompt = list[Message]
"""The turns before the model's answer; the engine renders them with the chat template of the model folder, or, where
`EngineSettings.plain` says so, as their texts alone."""


@dataclass(frozen=True)
class Sampling:
    """Sampling options of `generate`. The defaults are greedy decoding.

    Args:
        max_new_tokens: tokens after which a completion ends with finish_reason "length".
        temperature: 0 is greedy.
        top_p: probability mass of the nucleus, in (0, 1]. Without effect when greedy.
        repetition_penalty: 1 for none (Keskar et al. 2019); counts prompt and completion, as vLLM and transformers do.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class Completion:
    """A text that the model wrote.

    Attributes:
        text: the answer, without special tokens.
        tokens: number of generated tokens, the end-of-turn token not counted.
        finish_reason: "stop" when the model ended its turn, "length" when `max_new_tokens` ended it.
        logprob: mean log-probability of those tokens in nats, under the model's own distribution (before temperature,
            top-p and penalties); 0.0 for an empty answer; None where a server was not asked for it.
    """

    text: str
    tokens: int
    finish_reason: Literal["stop", "length"]
    logprob: float | None


class Engine(Protocol):
    """A loaded model. Results come in the order of the prompts; batching changes only what floating point changes.

    Every method raises `PromptTooLong` when a prompt and its answer exceed `context_length`: callers drop such rows
    first, with `count_tokens`, so that nothing is ever truncated.
    """

    @property
    def context_length(self) -> int:
        """Tokens that the model takes, prompt and answer together."""

    def count_tokens(self, prompts: Sequence[Prompt]) -> list[int]:
        """Return number of tokens of each prompt, chat template included."""

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int | None] | None = None
    ) -> list[Completion]:
        """Write one answer per prompt. `seeds`, one per prompt, are needed when the temperature is above 0.

        An answer whose seed is None is greedy at any temperature. Equal prompts, one after another, are read once.
        """

    def choose(self, prompts: Sequence[Prompt], choices: Sequence[str]) -> list[list[float]]:
        """Return log-probability (nats) that the answer begins with each choice, normalised over the choices.

        What all choices begin with is read, not chosen. Raises ValueError when the tokens of one choice begin with the
        tokens of another, for such choices exclude nothing, and when the prompts' last tokens, where they merge with
        a choice, differ.
        """

    def score(self, prompts: Sequence[Prompt], targets: Sequence[str]) -> list[float]:
        """Return mean token log-probability (nats) of each target as the answer, the end-of-turn token not counted."""

    def take_worked(self) -> int:
        """Return the tokens read and written since the last call; those that several prompts begin with count once."""

    def close(self) -> None:
        """Free the memory. The engine cannot be used afterwards."""


class RowsRefused(Exception):
    """A server refuses some of the prompts of a call: they are too long for it, or not allowed.

    Args:
        refused: each such prompt, and why.
    """

    def __init__(self, refused: Sequence[tuple[Prompt, str]]):
        super().__init__(refused[0][1])
        self.refused = refused

    def reasons(self, prompts: Sequence[Prompt]) -> list[str | None]:
        """Return why each of these prompts is refused, None for the others.

        Raises UserError at a refusal: the prompts here are labelled items or fixed texts, not rows.
        """
        reasons = [next((why for one, why in self.refused if one == prompt), None) for prompt in prompts]
        if not any(reasons):
            prompt, why = self.refused[0]
            raise UserError(
                f"the server refuses an item that measures the judge ({why}): {prompt[-1]['content'][:80]}"
            )
        return reasons


class PromptTooLong(ValueError):
    """A prompt and what is asked of it do not fit the model's context."""
