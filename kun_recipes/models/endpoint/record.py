"""The answers of a server, each written as it comes, so that a killed stage asks only for what is missing."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson


@dataclass(frozen=True)
class Answer:
    """An answer of a server.

    Attributes:
        prompt_tokens, completion_tokens: that the server counted for it; None where it does not say.
        text, tokens, finish_reason, logprob: of a text, as in `Completion`.
        choices: of a choice, what there was to choose.
        logprobs: of a choice, log-probability of each, normalised.
        covered: of a choice, probability of the first tokens that are one of them.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    text: str = ""
    tokens: int = 0
    finish_reason: Literal["stop", "length"] = "stop"
    logprob: float | None = None
    choices: tuple[str, ...] = ()
    logprobs: tuple[float, ...] = ()
    covered: float = 0.0


class Record:
    """Answers by the hash of their request, in files of JSON lines; in memory are their places alone.

    Each process writes a file of its own. A line that a kill has cut is asked for again.

    Args:
        folder: of the files; they may be of several processes and runs.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()
        self._places: dict[bytes, tuple[int, int]] = {}
        self._files = [path.open("rb") for path in _files(folder)]
        for number, file in enumerate(self._files):
            for place, line in _lines(file):
                self._places[bytes.fromhex(line["key"])] = (number, place)
        self._own = folder / f"{uuid.uuid4().hex}.jsonl"
        self._written: Any = None

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def get(self, key: bytes) -> Answer:
        """Return the answer to a request that was answered."""
        number, place = self._places[key]
        with self._lock:
            file = self._files[number]
            file.seek(place)
            return _answer(orjson.loads(file.readline())["answer"])

    def add(self, key: bytes, answer: Answer) -> None:
        """Write an answer; it is there as soon as this returns."""
        line = orjson.dumps({"key": key.hex(), "answer": asdict(answer)}, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if self._written is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._written = self._own.open("ab", buffering=0)
                self._files.append(self._own.open("rb"))
            self._places[key] = (len(self._files) - 1, self._written.tell())
            self._written.write(line)

    def close(self) -> None:
        for file in [*self._files, *([self._written] if self._written else [])]:
            file.close()


def read_answers(folder: Path) -> Iterator[Answer]:
    """Yield every answer of a folder."""
    for path in _files(folder):
        with path.open("rb") as file:
            for _, line in _lines(file):
                yield _answer(line["answer"])


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _lines(file: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines of a file with their places; a cut one is left out."""
    place = 0
    for line in file:
        try:
            parsed = orjson.loads(line)
        except orjson.JSONDecodeError:
            return  # the last of a process that was killed
        yield place, parsed
        place += len(line)


def _answer(values: dict[str, Any]) -> Answer:
    return Answer(**{**values, "choices": tuple(values["choices"]), "logprobs": tuple(values["logprobs"])})
