"""The engine loop: one thread that keeps an engine busy with the requests of all others.

A shard that is nearly done leaves a batch half empty. When two shards are asked about at a time, the other's requests
fill it: the engine never waits for one shard to end before it begins the next.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

LOOK_AFTER = 10.0
"""Seconds without an answer after which a caller looks whether the engine is still there."""

SECONDS_TO_END = 10.0


class Stepped(Protocol):
    """The part of vLLM's `LLMEngine` that the loop needs."""

    def add_request(self, request_id: str, prompt: Any, params: Any) -> Any: ...

    def has_unfinished_requests(self) -> bool: ...

    def step(self) -> list[Any]: ...


class EngineLoop:
    """Step an engine in a thread of its own while there are requests.

    Args:
        engine: touched by no other thread from now on.
        is_alive: whether the processes behind it are; vLLM may wait for one for ever that has died.
    """

    def __init__(self, engine: Stepped, is_alive: Callable[[], bool] = lambda: True):
        self.engine = engine
        self.is_alive = is_alive
        self.arriving: queue.SimpleQueue = queue.SimpleQueue()
        self.numbers = itertools.count()
        self.waiting: dict[str, tuple[int, queue.SimpleQueue]] = {}
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.thread.start()

    def ask(self, requests: Sequence[tuple[Any, Any]]) -> Iterator[tuple[int, Any]]:
        """Yield each request's position and its output, as they finish.

        Args:
            requests: a prompt and its sampling parameters each.

        Raises:
            Exception: whatever the engine raised, here and at every later call.
        """
        answers: queue.SimpleQueue = queue.SimpleQueue()
        for position, (prompt, params) in enumerate(requests):
            self.arriving.put((position, prompt, params, answers))
        if self.failure:  # the thread has ended: no answer would come
            raise self.failure
        for _ in requests:
            position, output = self._wait(answers)
            if isinstance(output, Exception):
                raise output
            yield position, output

    def stop(self) -> None:
        """End the thread after its current step; further requests are not answered."""
        self.arriving.put(None)

    def join(self) -> None:
        """Wait for the thread's end, but not for an engine that hangs."""
        self.thread.join(SECONDS_TO_END)

    def _wait(self, answers: queue.SimpleQueue) -> tuple[int, Any]:
        while True:
            try:
                return answers.get(timeout=LOOK_AFTER)
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError("its process has ended") from None

    def _run(self) -> None:
        try:
            while self._take():
                for output in self.engine.step():
                    if output.finished:
                        position, answers = self.waiting.pop(output.request_id)
                        answers.put((position, output))
        except Exception as error:  # handed on to every thread that waits
            self._fail(error)

    def _take(self) -> bool:
        """Hand over all that has arrived; wait for it when there is nothing else to do. Return False if asked to stop.

        Meanwhile vLLM computes in a process of its own, and can batch only the requests that it was given.
        """
        while True:
            try:
                request = self.arriving.get(block=not self.waiting)
            except queue.Empty:
                return True
            if request is None:
                return False
            position, prompt, params, answers = request
            number = str(next(self.numbers))
            self.waiting[number] = (position, answers)
            self.engine.add_request(number, prompt, params)

    def _fail(self, error: Exception) -> None:
        self.failure = error
        for position, answers in self.waiting.values():
            answers.put((position, error))
        while not self.arriving.empty():
            if request := self.arriving.get():
                position, _, _, answers = request
                answers.put((position, error))
