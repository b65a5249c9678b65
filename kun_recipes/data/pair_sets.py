"""Sets of pairs, read one pair at a time: a dataset folder, the rows of a stage, or whatever seeds may be."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappush, heapreplace
from pathlib import Path
from typing import NamedTuple

from kun_recipes.data import schema
from kun_recipes.data.folders import require_finished
from kun_recipes.data.hashing import row_hash
from kun_recipes.data.pairs import column_text, source_rows
from kun_recipes.data.rows import SHARD_PATTERN, read_rows
from kun_recipes.errors import UserError

NO_SOURCE = ""


class Pair(NamedTuple):
    """An instruction and its output; `source` is "" where the set names none, `author`, the model that wrote the
    output, where it names none or the output is a segment."""

    id: str
    source: str
    instruction: str
    output: str
    author: str = ""


@dataclass(frozen=True)
class PairSet:
    """A set of pairs under its name.

    Attributes:
        path: file, folder or Hub dataset, as the trainings read seeds; or the folder of a stage's rows.
        instruction: column of the instruction; several are joined by +.
    """

    name: str
    path: str
    instruction: str = schema.INSTRUCTION
    output: str = schema.OUTPUT

    def read(self) -> Iterator[Pair | None]:
        """Each pair in order; None for a row that is none: no text, or an empty one.

        Raises UserError when there is no such set, or a column is missing.
        """
        for where, row in self._rows():
            if not isinstance(row, dict):
                yield None
                continue
            instruction, output = (column_text(row, column, where) for column in (self.instruction, self.output))
            if not all(isinstance(text, str) and text.strip() for text in (instruction, output)):
                yield None
                continue
            instruction, output = instruction.strip(), output.strip()
            identity, source = row.get(schema.ID), row.get(schema.SOURCE)
            yield Pair(
                identity if isinstance(identity, str) and identity else _hash(f"{instruction}\n{output}").hex()[:24],
                source if isinstance(source, str) else NO_SOURCE,
                instruction,
                output,
                (row.get(schema.CHAT_MODEL) or "") if row.get(schema.POLISH_PROMPT) else "",
            )

    def check(self) -> None:
        """Raise UserError unless the set can be read and has a pair."""
        if not any(self.read()):
            raise UserError(f"{self.path}: no pair with an instruction and an output; nothing to count")

    def _rows(self) -> Iterator[tuple[str, dict | str]]:
        folder = Path(self.path)
        if folder.is_dir() and any(path.suffix != ".jsonl" for path in folder.glob(SHARD_PATTERN)):
            require_finished(self.path)  # compressed shards: only stages write them
            return ((f"{self.path}:{number}", row) for number, row in enumerate(read_rows(folder), start=1))
        return source_rows(self.path, None)


class Sample:
    """The `size` pairs of lowest hash among all that are added: the same in whatever order, in memory for `size`."""

    def __init__(self, size: int):
        self.size = size
        self._heap: list[tuple[int, Pair]] = []

    def add(self, pair: Pair) -> None:
        entry = (-row_hash(pair.id, seed=0), pair)
        if len(self._heap) < self.size:
            heappush(self._heap, entry)
        elif self._heap and entry > self._heap[0]:
            heapreplace(self._heap, entry)

    def pairs(self) -> list[Pair]:
        """Lowest hash first."""
        return [pair for _, pair in sorted(self._heap, reverse=True)]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
