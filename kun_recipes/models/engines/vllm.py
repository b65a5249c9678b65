"""The vLLM engine: production, on GPUs; its CPU build runs the tests. No other module imports vllm."""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from kun_recipes.errors import EngineFailed
from kun_recipes.models.engines.base import Completion, PromptTooLong, Sampling
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.engines.engine_loop import EngineLoop
from kun_recipes.models.engines.processes import killed_at_exit, log_to
from kun_recipes.models.engines.settings import EngineSettings
from kun_recipes.models.engines.token_engine import Pair, TokenEngine
from kun_recipes.models.engines.vllm_arguments import engine_arguments
from kun_recipes.models.hardware import can_compile
from kun_recipes.progress import progress_bar

ON_CPU = not torch.cuda.is_available()

for _name, _value in {
    "VLLM_NO_USAGE_STATS": "1",  # it reports to its makers otherwise
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # threads are running when it starts: a fork could hang on their locks
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # text in a buffer for stdout is lost with a killed process
    **({"VLLM_CPU_OMP_THREADS_BIND": "nobind"} if ON_CPU else {}),
    **({} if can_compile() else {"TORCH_COMPILE_DISABLE": "1"}),
}.items():
    os.environ.setdefault(_name, _value)

os.environ["VLLM_LOGGING_LEVEL"] = "INFO"  # TRL, which parsed the config, has set ERROR; all goes into the log

from vllm import EngineArgs, LLMEngine, SamplingParams  # noqa: E402 (reads the variables above)
from vllm.sampling_params import RequestOutputKind  # noqa: E402
from vllm.usage.usage_lib import UsageContext  # noqa: E402

Request = tuple[list[int], SamplingParams]
Result = TypeVar("Result")


class VllmEngine(TokenEngine):
    """A causal language model in vLLM, with prefix caching. See `engines.base.Engine` for the methods.

    Several threads may ask at a time: their requests share the batches.

    Raises EngineFailed when vLLM does not start, or dies at work.
    """

    def __init__(self, settings: EngineSettings):
        folder = Path(settings.model)
        super().__init__(ChatTokenizer.load(folder, settings.plain, settings.template_arguments()))
        self.max_model_len = min(settings.max_model_len or self.context_length, self.context_length)
        self.speculates = settings.speculative_tokens > 0
        before = multiprocessing.active_children()
        with _failures("vLLM did not start"), log_to(sys.stderr, "vllm"), killed_at_exit() as self.watcher:
            arguments = EngineArgs(**engine_arguments(settings, self.max_model_len, ON_CPU))
            self.engine = LLMEngine.from_engine_args(arguments, usage_context=UsageContext.LLM_CLASS)
            processes = [process for process in multiprocessing.active_children() if process not in before]
        self.loop = EngineLoop(self.engine, lambda: all(process.is_alive() for process in processes))

    def write(self, rows: list[list[int]], sampling: Sampling, seeds: Sequence[int | None]) -> list[Completion]:
        if self.speculates and any(seed is not None for seed in seeds):
            raise ValueError("an engine with speculation generates greedy texts only: sampling depends on its guesses")
        values = {
            "max_tokens": sampling.max_new_tokens,
            "top_p": sampling.top_p,
            "repetition_penalty": sampling.repetition_penalty,
            "stop_token_ids": sorted(self.chats.end_tokens),
            "logprobs": 0,  # of the token itself
        }
        requests = [
            (row, _params(seed=seed, temperature=0 if seed is None else sampling.temperature, **values))
            for row, seed in zip(rows, seeds, strict=True)
        ]
        return self._ask(requests, "generate", self._completion)

    def token_logprobs(self, rows: list[list[int]], tokens: list[int]) -> list[list[float]]:
        """Return the log-probabilities by the logits of one new token per row.

        Of one per choice where it speculates, see `_last_token`.
        """
        if self.speculates:
            pairs = [(row, [token]) for row in rows for token in tokens]
            logprobs = self.answer_logprobs(pairs, "choose")
            return [logprobs[first : first + len(tokens)] for first in range(0, len(pairs), len(tokens))]
        asked = list(dict.fromkeys(tokens))
        requests = [(row, _params(max_tokens=1, temperature=0, logprob_token_ids=asked)) for row in rows]
        found = self._ask(requests, "choose", lambda output: output.outputs[0].logprobs[0])
        return [[at[token].logprob for token in tokens] for at in found]

    def answer_logprobs(self, pairs: list[Pair], description: str) -> list[float]:
        """Return the log-probabilities of the prompt's tokens but the last, and those of the token behind it.

        vLLM gives a prompt's log-probabilities where it computes, not where it finds the beginning in its cache. A
        beginning that holds no token of the answer may come from there; a longer one is computed again.
        """
        results: dict[int, float] = {}
        again: list[int] = []
        requests = [self._scoring(*pair, cached=True) for pair in pairs]
        for number, output in enumerate(self._ask(requests, description, _itself)):
            prompt, answer = pairs[number]
            if len(answer) > 1 and output.num_cached_tokens >= len(prompt):
                again.append(number)
            else:
                results[number] = _answer_logprob(output, answer)
        if again:
            requests = [self._scoring(*pairs[number], cached=False) for number in again]
            outputs = self._ask(requests, description, _itself)
            for number, output in zip(again, outputs, strict=True):
                results[number] = _answer_logprob(output, pairs[number][1])
        return [results[number] for number in range(len(pairs))]

    def close(self) -> None:
        """End vLLM's processes, which hold it, and the threads that talk with them."""
        self.loop.stop()
        self.engine.engine_core.shutdown(timeout=0)
        self.loop.join()
        self.watcher.communicate()

    def _scoring(self, prompt: list[int], answer: list[int], cached: bool) -> Request:
        """Ask for the log-probability of `answer`; with `cached`, its beginning may come from the cache."""
        of_prompt = {"prompt_logprobs": 0, "skip_reading_prefix_cache": not cached} if len(answer) > 1 else {}
        of_last = self._last_token(answer[-1])
        return prompt + answer[:-1], _params(max_tokens=1, temperature=0, **of_last, **of_prompt)

    def _last_token(self, token: int) -> dict[str, Any]:
        """Ask for the log-probability of the next token.

        vLLM's sampler of guesses gives only that of a token which was written, and fails on `logprob_token_ids`: there
        the token is the only one that may be written.
        """
        return {"allowed_token_ids": [token], "logprobs": 0} if self.speculates else {"logprob_token_ids": [token]}

    def _ask(self, requests: list[Request], description: str, read: Callable[[Any], Result]) -> list[Result]:
        """Return what `read` returns for vLLM's output of each request, in their order.

        It reads an output as it comes, while vLLM computes the next ones.
        """
        for number, (row, params) in enumerate(requests):
            if len(row) + params.max_tokens > self.max_model_len:
                raise PromptTooLong(
                    f"prompt {number}: {len(row)} tokens plus {params.max_tokens} new ones exceed the engine's "
                    f"context of {self.max_model_len}"
                )
        results: dict[int, Result] = {}
        with _failures("vLLM died"), progress_bar(len(requests), description) as bar:
            for position, output in self.loop.ask([({"prompt_token_ids": row}, params) for row, params in requests]):
                results[position] = read(output)
                bar.update()
        return [results[position] for position in range(len(requests))]

    def _completion(self, output: Any) -> Completion:
        written = output.outputs[0]
        tokens = list(written.token_ids)
        if written.finish_reason not in ("stop", "length"):
            raise EngineFailed(f"vLLM did not finish a row: {written.finish_reason}")
        if written.finish_reason == "stop":
            tokens.pop()  # what ended the turn
        return self.completion(tokens, written.logprobs.logprobs[: len(tokens)], written.finish_reason)


def _params(**values: Any) -> SamplingParams:
    only_once = RequestOutputKind.FINAL_ONLY  # else each row comes back whole with each of its tokens
    return SamplingParams(detokenize=False, flat_logprobs=True, output_kind=only_once, **values)


def _itself(output: Any) -> Any:
    return output


def _answer_logprob(output: Any, answer: list[int]) -> float:
    before = len(answer) - 1
    total = sum(output.prompt_logprobs.logprobs[-before:]) if before else 0.0
    return total + output.outputs[0].logprobs[0][answer[-1]].logprob


@contextlib.contextmanager
def _failures(what: str) -> Iterator[None]:
    """Put vLLM's stack trace into one line; the trace itself goes to the log."""
    try:
        yield
    except (PromptTooLong, EngineFailed):
        raise
    except Exception as error:
        raise EngineFailed(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
