"""Stream raw records out of CSV and TSV files with a header: the fields of each row by column name.

The standard library's parser is used and not pyarrow's, which ends a file at the first broken byte or quote and does
not know GB18030. After a broken row, reading resumes at the line that follows the one in which the row begins: a
quote that is missing costs one row. Memory is bounded by `MAX_FIELD`.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

from kun_recipes.data.archives import BrokenArchive, foreign_kind, peek, read_members
from kun_recipes.data.encodings import SAMPLE_BYTES, as_utf8
from kun_recipes.data.json_lines import Malformed, Record, readable
from kun_recipes.data.members import number_members
from kun_recipes.data.tables import check_columns
from kun_recipes.errors import UserError

SUFFIXES = (".csv", ".tsv")
DELIMITERS = ",\t;"
MAX_FIELD = 1 << 24  # characters, many times a book: what is longer lacks a quote


def read_csv(
    path: str, required: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> Iterator[Record | Malformed]:
    """Yield the rows of a file, or of all files of an archive, as objects of the named columns; None means all.

    A record's number is the line in which it begins. Where a required column is missing, each row is a `Malformed`.
    """
    yield from number_members(path, SUFFIXES, partial(_read_member, path=path, required=required, optional=optional))


def check_csv(path: str, required: Sequence[str]) -> None:
    """Raise UserError when a column is missing. A damaged file passes: reading it gives a `Malformed`."""
    try:
        for chunks in read_members(path, SUFFIXES):
            head, chunks = peek(as_utf8(chunks), SAMPLE_BYTES)
            header = next(_Rows(chunks, head).read(), None)
            if isinstance(header, Record) and not foreign_kind(head):
                check_columns(path, header.value, required)
    except BrokenArchive:
        pass


def _read_member(
    chunks: Iterator[bytes], path: str, required: Sequence[str] | None, optional: Sequence[str]
) -> Iterator[Record | Malformed]:
    head, chunks = peek(as_utf8(chunks), SAMPLE_BYTES)
    if kind := foreign_kind(head):
        yield Malformed(1, "wrong_file", f"the file is {kind}", readable(head))
        return
    rows = _Rows(chunks, head).read()
    header = next(rows, Malformed(1, "empty_file", "the file is empty", ""))
    if isinstance(header, Malformed):
        yield header
        return
    try:
        wanted = header.value if required is None else required
        names, missing = check_columns(path, header.value, wanted, optional), ""
    except UserError as error:
        names, missing = [], str(error)
    places = [header.value.index(name) for name in names]
    for row in rows:
        if isinstance(row, Malformed):
            yield row
        elif missing:
            yield Malformed(row.number, "missing_field", missing, "")
        else:
            yield _record(row.number, dict(zip(names, (row.value[place] for place in places), strict=True)))


def _record(number: int, fields: dict[str, str]) -> Record | Malformed:
    for name, value in fields.items():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            message = f"column {name}: invalid text in the encoding of the file at character {error.start}"
            return Malformed(number, "invalid_utf8", message, readable(value.encode(errors="surrogateescape")))
    return Record(number, fields)


class _Rows:
    """Rows as lists of fields, the first being the header.

    Args:
        head: the file's beginning, whose first line tells the delimiter.
    """

    def __init__(self, chunks: Iterator[bytes], head: bytes):
        csv.field_size_limit(MAX_FIELD)
        first = head.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")[0].decode(errors="replace")
        self.lines = _Lines(chunks)
        self.reader = csv.reader(self.lines, delimiter=max(DELIMITERS, key=first.count), strict=True)
        self.columns: int | None = None

    def read(self) -> Iterator[Record | Malformed]:
        """Yield the rows. Blank lines are passed over."""
        while True:
            number = self.lines.begin_row()
            try:
                row = next(self.reader, None)
                problem = row and self._problem(row)
            except csv.Error as error:
                problem = str(error)
            if problem:
                raw = self.lines.taken[0].encode(errors="surrogateescape")
                self.lines.go_back()
                yield Malformed(number, "broken_row", problem, readable(raw))
            elif row is None:
                break
            elif row:
                yield Record(number, row)
        if broken := self.lines.error:
            yield Malformed(number, broken.reason, str(broken), "")

    def _problem(self, row: list[str]) -> str | None:
        """Return what is wrong with the number of fields."""
        if self.columns is None:
            row[:] = map(str.strip, row)
            self.columns = len(row)
        return f"{len(row)} fields, but {self.columns} columns" if len(row) != self.columns else None


class _Lines:
    """The lines of a file for the parser, which can go back. Bytes that are no UTF-8 become lone surrogates.

    Attributes:
        taken: lines of the row that is parsed.
        error: how the archive ends, if it does not end well; the line that it cuts is left out.
    """

    def __init__(self, chunks: Iterator[bytes]):
        self.taken: list[str] = []
        self.error: BrokenArchive | None = None
        self._following = self._read(chunks)
        self._waiting: deque[str] = deque()
        self._number = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._following)
        self.taken.append(line)
        return line

    def begin_row(self) -> int:
        """Return the number of the line in which the next row begins."""
        self._number += len(self.taken)
        self.taken.clear()
        return self._number

    def go_back(self) -> None:
        """Go back to the line behind the first of the row."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def _read(self, chunks: Iterator[bytes]) -> Iterator[str]:
        pieces, mark = [b""], codecs.BOM_UTF8
        try:
            for chunk in chunks:
                piece, *rest = chunk.split(b"\n")
                pieces.append(piece)
                for piece in rest:
                    yield (b"".join(pieces).removeprefix(mark) + b"\n").decode(errors="surrogateescape")
                    pieces, mark = [piece], b""
        except BrokenArchive as error:
            self.error = error
        else:
            if last := b"".join(pieces).removeprefix(mark):
                yield last.decode(errors="surrogateescape")
