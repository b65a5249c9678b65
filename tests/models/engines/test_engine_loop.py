"""The thread that keeps an engine busy: every request is answered, and requests of several threads run together."""

import threading
from dataclasses import dataclass

import pytest

from kun_recipes.models.engines import engine_loop
from kun_recipes.models.engines.engine_loop import EngineLoop


@dataclass
class Output:
    request_id: str
    text: str
    finished: bool = True


class Steps:
    """An engine that takes a step a letter of the prompt, of all requests at a time."""

    def __init__(self, fail_at: str | None = None):
        self.left: dict[str, str] = {}
        self.widths: list[int] = []
        self.fail_at = fail_at
        self.go = threading.Event()

    def add_request(self, request_id, prompt, params):
        if prompt == self.fail_at:
            raise RuntimeError("out of memory")
        self.left[request_id] = (prompt, len(prompt), params)

    def step(self):
        self.go.wait()
        self.widths.append(len(self.left))
        self.left = {key: (prompt, more - 1, params) for key, (prompt, more, params) in self.left.items()}
        done = [key for key, (_, more, _) in self.left.items() if more == 0]
        return [Output(key, prompt + params) for key in done for prompt, _, params in [self.left.pop(key)]]


def ask_in_threads(loop: EngineLoop, *calls: list[str]) -> list[dict[int, str] | Exception]:
    answers: list = [None] * len(calls)

    def ask(number: int) -> None:
        try:
            found = loop.ask([(prompt, "!") for prompt in calls[number]])
            answers[number] = {position: output.text for position, output in found}
        except RuntimeError as error:
            answers[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    while loop.arriving.qsize() + len(loop.waiting) < sum(map(len, calls)) and not loop.failure:
        threading.Event().wait(0.001)
    loop.engine.go.set()
    for thread in threads:
        thread.join(timeout=10)
    return answers


def test_every_request_is_answered_in_its_place():
    first, second = ["aaa", "b", "cc"], ["dd", "e"]
    answers = ask_in_threads(EngineLoop(Steps()), first, second)
    assert answers == [{0: "aaa!", 1: "b!", 2: "cc!"}, {0: "dd!", 1: "e!"}]


def test_requests_of_two_threads_share_the_steps():
    engine = Steps()
    ask_in_threads(EngineLoop(engine), ["aaaa"] * 3, ["bbbb"] * 2)
    assert max(engine.widths) == 5
    assert len(engine.widths) <= 5  # one after the other they would be eight


def test_a_long_call_is_handed_over_whole():
    engine = Steps()
    (answers,) = ask_in_threads(EngineLoop(engine), ["aaa"] * 2000)
    assert len(answers) == 2000
    assert len(engine.widths) <= 4  # the first step may have begun before all had arrived


def test_no_request_gives_no_answer():
    assert list(EngineLoop(Steps()).ask([])) == []


def test_a_failure_reaches_every_thread_and_every_later_call():
    failing = EngineLoop(Steps(fail_at="x"))
    answers = ask_in_threads(failing, ["aaa", "x", "b"], ["cc"])
    assert [str(answer) for answer in answers] == ["out of memory"] * 2
    with pytest.raises(RuntimeError, match="out of memory"):
        list(failing.ask([("a", "!")]))


def test_ended_engine_process_is_an_error(monkeypatch):
    monkeypatch.setattr(engine_loop, "LOOK_AFTER", 0.01)
    looks = iter([True, True, False])
    waiting = EngineLoop(Steps(), is_alive=lambda: next(looks))  # its steps never continue
    with pytest.raises(RuntimeError, match="its process has ended"):
        list(waiting.ask([("a", "!")]))


def test_a_stopped_loop_ends_its_thread():
    loop = EngineLoop(Steps())
    loop.engine.go.set()
    assert [output.text for _, output in loop.ask([("ab", "!")])] == ["ab!"]
    loop.stop()
    loop.join()
    assert not loop.thread.is_alive()
