"""Instruction/output pairs: read and validated, split into training and held-out by hash (Kun §3.1), sampled.

Seeds, sets mixed in, the dataset of an earlier run (§3.3) and what studies and statistics look at are all read here.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappush, heapreplace
from typing import Any

from kun_recipes.data import schema
from kun_recipes.data.hashing import choice_hash, row_hash
from kun_recipes.data.pair_sources import Row, column_text, columns_of, source_rows
from kun_recipes.errors import UserError, print_once_per_machine
from kun_recipes.text.views import is_blank

SHOWN = 5
"""Places named for each reason; the rest are counted."""

SYSTEM = ("system", "system_prompt")
CONTEXT = (*SYSTEM, "input", "context")
"""Columns in which common formats keep a part of what the instruction says: Alpaca, BELLE, Dolly, OpenOrca. Their text
is joined to the instruction, the system prompt before it, the others behind it."""

NULL_WORDS = frozenset({"nan", "none", "null", "n/a", "<noinput>", "noinput", "无", "空"})
"""Words that stand for an empty text in files that were tables."""

HISTORY = "history"
"""Column of the earlier turns of a conversation, which a pair has no place for."""


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """An instruction x and its output y.

    Attributes:
        where: its place, "file:line" or, in Parquet, "file:row".
        id: of the row; a hash of both texts where the row has none, or that of an earlier row.
        source: the corpus it comes from; empty where the row names none.
        author: the model that wrote the output; empty where the row names none or the output is a segment.
    """

    instruction: str
    output: str
    where: str = ""
    id: str = ""
    source: str = ""
    author: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            texts = f"{self.instruction}\n{self.output}".encode(errors="surrogatepass")
            object.__setattr__(self, "id", hashlib.sha256(texts).hexdigest()[:24])


@dataclass(frozen=True)
class Removed:
    """A row that is not used: its place and the reason."""

    where: str
    reason: str


@dataclass(frozen=True)
class PairSet:
    """A set of pairs under its name.

    Attributes:
        path: file, folder, folder of a stage's rows, or Hub dataset.
        instruction: column of the instruction; several are joined by +.
    """

    name: str
    path: str
    instruction: str = schema.INSTRUCTION
    output: str = schema.OUTPUT

    def read(self) -> Iterator[Pair | Removed]:
        """Yield what `read_pairs` does."""
        return read_pairs(self.path, self.instruction, self.output)

    def check(self) -> None:
        """Raise UserError unless the set can be read and has a pair."""
        if not any(isinstance(row, Pair) for row in self.read()):
            raise UserError(f"{self.path}: no pair with an instruction and an output; nothing to count")


def read_pairs(
    source: str, instruction_column: str, output_column: str, revision: str | None = None
) -> Iterator[Pair | Removed]:
    """Yield each row of a file, a folder, a stage's rows or a Hub dataset in order: its pair, or why it has none.

    A column may be several, joined by +: their texts are joined by a newline, and empty ones are left out. Text in
    one of `CONTEXT` is joined to the instruction likewise, and in how many rows is said on stderr.

    Reasons: "not_json", "not_an_object", "wrong_type", "empty_instruction", "empty_output" for a text that is missing,
    null or invisible, and "history" for the last turn of a longer conversation.
    Raises UserError when there is no such source, or when no row has a column.
    """
    columns = (instruction_column, output_column)
    absent: dict[str, str] = {}  # columns that no row has had so far, and what to say
    seen: set[str] = set()
    joined_rows: Counter[str] = Counter()
    ids: set[int] = set()  # hashes
    repeated = 0
    for where, row in source_rows(source, revision):
        if isinstance(row, str):
            yield Removed(where, row)
            continue
        named = [column for joined in columns for column in columns_of(joined, row)]
        seen.update(row)
        for column in named:
            absent.setdefault(column, f"{where}: no column {column}; found {', '.join(map(str, row)) or 'none'}")
        instruction, output = (column_text(row, joined) for joined in columns)
        if more := [column for column in CONTEXT if column not in named and _is_context(row.get(column))]:
            if isinstance(instruction, str) and not is_blank(instruction):
                instruction = column_text(row, _joined(instruction_column, more))
            joined_rows[" and ".join(more)] += 1
        if HISTORY not in named and _is_filled(row.get(HISTORY)):
            yield Removed(where, "history")
        elif reason := _fault(instruction, output):
            yield Removed(where, reason)
        else:
            identity = _text(row, schema.ID)
            if identity and (known := row_hash(identity, seed=0)) in ids:
                identity, repeated = "", repeated + 1
            elif identity:
                ids.add(known)
            yield Pair(instruction.strip(), output.strip(), where, identity, *_origin(row))
    for column, message in absent.items():
        if column not in seen:
            raise UserError(message)
    for names, rows in joined_rows.items():
        print_once_per_machine(f"{source}: {names} joined to the instruction in {rows} row{'s' * (rows > 1)}")
    if repeated:
        print_once_per_machine(
            f"{source}: {repeated} rows have the id of an earlier one, and are known by their texts"
        )


def load_pairs(
    source: str, instruction_column: str, output_column: str, revision: str | None = None
) -> tuple[list[Pair], list[Removed]]:
    """Read the pairs to train on: (pairs, removed rows).

    Reasons, beside those of `read_pairs`: "duplicate_instruction".
    Raises UserError when there is no such source, no pair, and as `read_pairs` does.
    """
    pairs: dict[str, Pair] = {}
    removed: list[Removed] = []
    for row in read_pairs(source, instruction_column, output_column, revision):
        if isinstance(row, Removed):
            removed.append(row)
        elif row.instruction in pairs:
            removed.append(Removed(row.where, "duplicate_instruction"))
        else:
            pairs[row.instruction] = row
    if not pairs:
        raise UserError(f"{source}: no pair to train on; {describe_removed(removed) or 'it holds no row'}")
    return list(pairs.values()), removed


def describe_removed(removed: Iterable[Removed]) -> str:
    """Say in one phrase how many rows were removed for which reason, and where."""
    places = defaultdict(list)
    for row in removed:
        places[row.reason].append(row.where)
    phrases = []
    for reason, where in places.items():
        more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
        phrases.append(f"{len(where)} {reason} ({', '.join(where[:SHOWN])}{more})")
    return "; ".join(phrases)


def split_pairs(pairs: Sequence[Pair], held_out_share: float) -> tuple[list[Pair], list[Pair]]:
    """Split by the hash of the instruction: (training, held out), each in the given order.

    A pair's side does not depend on the other pairs, so that it stays when pairs are added. Only where a small set
    would leave one side empty, the pair with the lowest (highest) hash changes sides.

    Raises UserError when a share is to be held out of a single pair.
    """
    if held_out_share == 0:
        return list(pairs), []
    if len(pairs) < 2:
        raise UserError(f"{pairs[0].where}: one pair cannot be split; give more, or set held_out_share: 0")
    place = {pair: choice_hash(pair.instruction) / 2**64 for pair in pairs}
    held_out = {pair for pair in pairs if place[pair] < held_out_share}
    held_out = held_out or {min(pairs, key=place.__getitem__)}
    if len(held_out) == len(pairs):
        held_out.remove(max(pairs, key=place.__getitem__))
    return [pair for pair in pairs if pair not in held_out], [pair for pair in pairs if pair in held_out]


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
        """Return the pairs, lowest hash first."""
        return [pair for _, pair in sorted(self._heap, reverse=True)]


def _fault(instruction: Any, output: Any) -> str | None:
    if any(text is not None and not isinstance(text, str) for text in (instruction, output)):
        return "wrong_type"
    if is_blank(instruction or ""):
        return "empty_instruction"
    return "empty_output" if is_blank(output or "") else None


def _is_filled(value: Any) -> bool:
    return not is_blank(value) if isinstance(value, str) else bool(value)


def _is_context(value: Any) -> bool:
    return _is_filled(value) and not (isinstance(value, str) and value.strip().lower() in NULL_WORDS)


def _joined(instruction: str, more: Sequence[str]) -> str:
    before = [column for column in more if column in SYSTEM]
    return "+".join([*before, instruction, *(column for column in more if column not in SYSTEM)])


def _origin(row: Row) -> tuple[str, str]:
    """Return the source of a row and the author of its output."""
    is_polished = bool(row.get(schema.POLISH_PROMPT))
    return _text(row, schema.SOURCE), _text(row, schema.CHAT_MODEL) if is_polished else ""


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return value if isinstance(value, str) else ""
