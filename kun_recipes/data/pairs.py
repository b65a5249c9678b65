"""Instruction/output pairs: read and validated, split into training and held-out by hash (Kun §3.1), sampled.

Seeds, sets mixed in, the dataset of an earlier run (§3.3) and what studies and statistics look at are all read here.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappush, heapreplace
from itertools import chain, islice

from kun_recipes.data import schema
from kun_recipes.data.conversations import OddRow
from kun_recipes.data.hashing import choice_hash, row_hash
from kun_recipes.data.pair_forms import FORMS, ColumnForm, PairForm, Row, columns_of, recognise, shared_system
from kun_recipes.data.pair_sources import MAIN, HubPart, Located, Unreadable, source_files
from kun_recipes.errors import UserError, print_once_per_machine

SHOWN = 5
"""Places named for each reason; the rest are counted."""

SAMPLED = 100
"""Rows at the beginning of a file by which its form is recognised."""


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    """An instruction x and its output y.

    Attributes:
        where: its place, "file:line" or, in Parquet, "file:row".
        id: of the row; a hash of both texts where the row has none, or that of an earlier row.
        source: the corpus it comes from; empty where the row names none.
        author: the model that wrote the output; empty where the row names none or the output is a segment.
        more: turns behind the output, of the user and the assistant in turn, where the row is a longer conversation.
    """

    instruction: str
    output: str
    where: str = ""
    id: str = ""
    source: str = ""
    author: str = ""
    more: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.id:
            texts = "\n".join([self.instruction, self.output, *self.more]).encode(errors="surrogatepass")
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
        part: of a Hub dataset.
    """

    name: str
    path: str
    instruction: str = schema.INSTRUCTION
    output: str = schema.OUTPUT
    part: HubPart = MAIN

    def read(self) -> Iterator[Pair | Removed]:
        """Yield what `read_pairs` does."""
        return read_pairs(self.path, self.instruction, self.output, self.part)

    def check(self) -> None:
        """Raise UserError unless the set can be read and has a pair."""
        if not any(isinstance(row, Pair) for row in self.read()):
            raise UserError(f"{self.path}: no pair with an instruction and an output; nothing to count")


def read_pairs(
    source: str, instruction_column: str, output_column: str, part: HubPart = MAIN
) -> Iterator[Pair | Removed]:
    """Yield each row of a file, a folder, a stage's rows or a Hub dataset in order: its pair, or why it has none.

    Columns that are named and there are read as named; several, joined by +, are joined by a newline, and empty ones
    left out. By default the form of each file is that of its first rows (`pair_forms`); stderr names it unless it is
    the plain one. Text in `CONTEXT`, and a system turn that not all rows share, is joined to the instruction.

    Reasons: those of the file readers for a row that cannot be read, "not_an_object", "wrong_type",
    "empty_instruction", "empty_output" for a text that is missing, null or invisible, "history" for earlier exchanges
    that cannot be read, and those of `read_conversation`.
    Raises UserError if the source is missing, and at the end of a file in which most rows have no pair.
    """
    ids = _Ids()
    for name, rows in source_files(source, part):
        yield from _File(name, instruction_column, output_column).read(rows, ids)
    if ids.repeated:
        print_once_per_machine(
            f"{source}: {ids.repeated} rows have the id of an earlier row; their texts identify them instead"
        )


def load_pairs(
    source: str, instruction_column: str, output_column: str, part: HubPart = MAIN
) -> tuple[list[Pair], list[Removed]]:
    """Read the pairs to train on: (pairs, removed rows).

    Reasons, in addition to those of `read_pairs`: "duplicate_instruction".
    Raises UserError if the source is missing or has no pair, and as `read_pairs` does.
    """
    pairs: dict[str, Pair] = {}
    removed: list[Removed] = []
    for row in read_pairs(source, instruction_column, output_column, part):
        if isinstance(row, Removed):
            removed.append(row)
        elif row.instruction in pairs:
            removed.append(Removed(row.where, "duplicate_instruction"))
        else:
            pairs[row.instruction] = row
    if not pairs:
        raise UserError(f"{source}: no pair to train on; {describe_removed(removed) or 'it has no rows'}")
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
        raise UserError(f"{pairs[0].where}: a single pair cannot be split; give more pairs, or set held_out_share: 0")
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


class _File:
    """A file of pairs, read once; what was found in it."""

    def __init__(self, name: str, instruction: str, output: str):
        self.name, self.instruction, self.output = name, instruction, output
        self.form: PairForm | None = None
        self.shared = ""  # system text of all rows
        self.pairs = self.longer = self.of_system = 0
        self.joined: Counter[str] = Counter()
        self.odd: list[Removed] = []
        self.message = ""  # of the first row that cannot be read
        self.columns: dict[str, None] = {}

    def read(self, rows: Iterator[Located], ids: "_Ids") -> Iterator[Pair | Removed]:
        head = [*islice(rows, SAMPLED)]
        sample = [row for _, row in head if not isinstance(row, Unreadable)]
        self.form = recognise(sample, self.instruction, self.output)
        if self.form:
            self.shared = shared_system(self.form, sample)
        for where, row in chain(head, rows):
            try:
                pair = self._pair(where, row, ids)
            except OddRow as error:
                self.odd.append(Removed(where, error.reason))
                yield self.odd[-1]
            else:
                self.pairs += 1
                yield pair
        self._check()
        if self.pairs:
            self._report()

    def _pair(self, where: str, row: Row | Unreadable, ids: "_Ids") -> Pair:
        if isinstance(row, Unreadable):
            self.message = self.message or row.message
            raise OddRow(row.reason)
        self.columns |= dict.fromkeys(map(str, row))
        if self.form is None:
            raise OddRow("unknown_columns")
        turns = self.form.read(row)
        instruction, output, *more = turns.texts
        names = [*turns.joined]
        if turns.system and turns.system != self.shared:
            instruction = f"{turns.system}\n{instruction}"
            names.insert(0, "system")
        self.of_system += turns.system != "" and turns.system == self.shared
        if names:
            self.joined[" and ".join(names)] += 1
        self.longer += bool(more)
        return Pair(instruction, output, where, ids.take(_text(row, schema.ID)), *_origin(row), tuple(more))

    def _check(self) -> None:
        """Raise UserError if most rows have no pair."""
        if len(self.odd) <= self.pairs:
            return
        found = ", ".join(self.columns) or "none"
        named = [*columns_of(self.instruction, {}), *columns_of(self.output, {})]
        missing = " and ".join(column for column in named if column not in self.columns)
        if self.form is None and self.columns and missing:
            forms = ", ".join(dict.fromkeys(form.name for form in FORMS))
            raise UserError(
                f"{self.odd[0].where}: no column {missing}; found {found}; name the columns of the pair, or "
                f"use a known form: {forms}"
            )
        what = describe_removed(self.odd) + (f": {self.message}" if self.message else "")
        raise UserError(
            f"{self.name}: {len(self.odd)} of {len(self.odd) + self.pairs} rows have no pair: {what}"
            + (f"; read as {self.form}, found the columns {found}" if self.form else f"; found the columns {found}")
        )

    def _report(self) -> None:
        """Say in one line how the file is read, unless its columns are all that there is to say."""
        found = [f"{names} joined to the instruction in {_rows(rows)}" for names, rows in self.joined.items()]
        if self.of_system:
            found.append(f"the common system turn left out of {_rows(self.of_system)}")
        if self.longer:
            found.append(f"{_rows(self.longer)} with several exchanges")
        if found or not (isinstance(self.form, ColumnForm) and self.form.as_written):
            print_once_per_machine("; ".join([f"{self.name}: read as {self.form}", *found]))


class _Ids:
    """The ids of rows, as hashes."""

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.repeated = 0

    def take(self, identity: str) -> str:
        """Return the id of a row, empty where an earlier row has it."""
        if not identity:
            return ""
        if (hashed := row_hash(identity, seed=0)) in self.known:
            self.repeated += 1
            return ""
        self.known.add(hashed)
        return identity


def _rows(number: int) -> str:
    return f"{number} row{'s' * (number > 1)}"


def _origin(row: Row) -> tuple[str, str]:
    """Return the source of a row and the author of its output."""
    is_polished = bool(row.get(schema.POLISH_PROMPT))
    return _text(row, schema.SOURCE), _text(row, schema.CHAT_MODEL) if is_polished else ""


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return value if isinstance(value, str) else ""
