"""Raw records out of JSON lines, as a stream.

A record that cannot be read comes out as `Malformed` in its place; nothing here stops at bad data or passes over it.
What Python and JavaScript write beyond strict JSON is read: NaN and Infinity, half a surrogate pair (it is left out),
and control characters in strings. Memory is bounded by the longest record, whatever the size of the file.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from kun_recipes.data.archives import BrokenArchive, read_chunks

RAW_BYTES = 1000  # of an unreadable record, kept to recognise it by


@dataclass(frozen=True)
class Record:
    """A value and where it stands: its line, its element in the array or its row in the table, counted from 1."""

    number: int
    value: Any


@dataclass(frozen=True)
class Malformed:
    """A record that cannot be read.

    Attributes:
        number: line, array element or row, counted from 1.
        reason: name under which it is counted.
        message: what is wrong, in one line.
        raw: what was found, as far as it is known.
    """

    number: int
    reason: str
    message: str
    raw: str


def read_lines(path: str) -> Iterator[Record | Malformed]:
    """Return the records of a JSON lines file. Blank lines hold no record and are passed over."""
    return parse_lines(read_chunks(path))


def parse_lines(chunks: Iterable[bytes]) -> Iterator[Record | Malformed]:
    """Yield the records of JSON lines that come in chunks, cut anywhere."""
    number, pieces = 1, []
    try:
        for chunk in chunks:
            piece, *rest = chunk.split(b"\n")
            pieces.append(piece)
            for piece in rest:
                if record := _parse_line(number, b"".join(pieces)):
                    yield record
                number, pieces = number + 1, [piece]
    except BrokenArchive as error:
        yield Malformed(number, error.reason, str(error), readable(b"".join(pieces)))
    else:
        if record := _parse_line(number, b"".join(pieces)):
            yield record


def parse_json(number: int, raw: bytes, kind: str) -> Record | Malformed:
    """Return a record out of its bytes; `kind` says in messages what they are, a line or an element."""
    try:
        return Record(number, orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        return _parse_leniently(number, raw, kind, error)


def readable(raw: bytes | bytearray) -> str:
    """Return the beginning of a record's bytes as text."""
    return raw[:RAW_BYTES].decode(errors="backslashreplace")


def _parse_line(number: int, line: bytes) -> Record | Malformed | None:
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    return parse_json(number, line, "line") if line and not line.isspace() else None


def _parse_leniently(number: int, raw: bytes, kind: str, error: orjson.JSONDecodeError) -> Record | Malformed:
    try:
        text = raw.decode(errors="surrogatepass")
    except UnicodeDecodeError as undecodable:
        message = f"{undecodable.reason} at byte {undecodable.start} of the {kind}"
        return Malformed(number, "invalid_utf8", message, readable(raw))
    try:
        return Record(number, _without_halves(json.loads(text, strict=False)))
    except (ValueError, RecursionError):
        return Malformed(number, "invalid_json", str(error), readable(raw))


def _without_halves(value: Any) -> Any:
    """Return a value whose texts have no half of a surrogate pair; two halves side by side are joined."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    return value
