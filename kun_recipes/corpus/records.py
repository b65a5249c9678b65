"""Raw records out of corpus files, as a stream: JSON lines or one JSON array a file, plain, gzip or zstd.

A record that cannot be read comes out as `Malformed` in its place; nothing here stops at bad data or passes over it.
Memory is bounded by the longest record, whatever the size of the file.
"""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import ijson
import orjson
import zstandard

CHUNK_BYTES = 1 << 17

INVALID_BYTE = "\ufdd0"
"""Stands for a byte that is no UTF-8 while an array is parsed. A noncharacter: Unicode bars it from text."""


@dataclass(frozen=True)
class Record:
    """A JSON value and where it stands: its line, or its element in the array, counted from 1."""

    number: int
    value: object


@dataclass(frozen=True)
class Malformed:
    """What stands where a record should be.

    Attributes:
        number: line or array element, counted from 1.
        reason: name under which it is counted.
        message: what is wrong, in one line.
        raw: what was found, as far as it is known.
    """

    number: int
    reason: str
    message: str
    raw: str


class BrokenArchive(Exception):
    """A compressed file that cannot be read on; `reason` says how it is broken."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


def read_lines(path: str) -> Iterator[Record | Malformed]:
    """The records of a JSON lines file. Blank lines hold no record and are passed over."""
    number, pieces = 1, []
    try:
        for chunk in read_chunks(path):
            piece, *rest = chunk.split(b"\n")
            pieces.append(piece)
            for piece in rest:
                yield from _parse_line(number, b"".join(pieces))
                number, pieces = number + 1, [piece]
    except BrokenArchive as error:
        yield Malformed(number, error.reason, str(error), _readable(b"".join(pieces)))
    else:
        yield from _parse_line(number, b"".join(pieces))


def read_array(path: str) -> Iterator[Record | Malformed]:
    """The elements of a JSON array. After broken JSON the rest of the file is given up: one `Malformed` says so."""
    elements = ijson.sendable_list()
    parser = ijson.items_coro(elements, "item")
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="mark_invalid_byte")
    number, beginning, failure = 0, "", None
    try:
        for chunk in read_chunks(path):
            text = decoder.decode(chunk)
            beginning = beginning or text.lstrip()[:200]
            if beginning and not beginning.startswith("["):
                message = "the file is no JSON array; JSON lines are read by the formats wanjuan, skypile and jsonl"
                yield Malformed(1, "wrong_type", message, beginning)
                return
            parser.send(text.encode())
            for element in _drain(elements):
                number += 1
                yield _checked_element(number, element)
        parser.close()
    except BrokenArchive as error:
        failure = error.reason, str(error), ""
    except ijson.JSONError as error:
        what, _, where = str(error).partition("\n")
        failure = "invalid_json", f"{what}; the rest of the file is given up", where.partition("\n")[0].strip()
    for element in _drain(elements):
        number += 1
        yield _checked_element(number, element)
    if failure:
        yield Malformed(number + 1, *failure)


def read_chunks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file. Raises `BrokenArchive` after the last bytes that could be had."""
    if path.endswith((".gz", ".zst")) and os.path.getsize(path) == 0:
        raise BrokenArchive("truncated_archive", "the archive is empty")
    if path.endswith(".gz"):
        yield from _gzip_chunks(path)
    elif path.endswith(".zst"):
        yield from _zstd_chunks(path)
    else:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _gzip_chunks(path: str) -> Iterator[bytes]:
    with gzip.open(path) as archive:
        try:
            while chunk := archive.read1(CHUNK_BYTES):  # read() would lose what precedes the end of a truncated file
                yield chunk
        except EOFError as error:
            raise BrokenArchive("truncated_archive", "the gzip archive ends early") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BrokenArchive("corrupt_archive", f"the gzip archive is damaged: {error}") from error


def _zstd_chunks(path: str) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    frame = None  # a file may hold several; zstandard's file objects do not tell a truncated frame from a whole one
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            while chunk:
                frame = frame or decompressor.decompressobj()
                try:
                    yield frame.decompress(chunk)
                except zstandard.ZstdError as error:
                    raise BrokenArchive("corrupt_archive", f"the zstd archive is damaged: {error}") from error
                chunk = frame.unused_data
                frame = None if frame.eof else frame
    if frame:
        raise BrokenArchive("truncated_archive", "the zstd archive ends early")


def _parse_line(number: int, line: bytes) -> Iterator[Record | Malformed]:
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    if not line.strip():
        return
    try:
        yield Record(number, orjson.loads(line.decode()))
    except UnicodeDecodeError as error:
        yield Malformed(number, "invalid_utf8", f"{error.reason} at byte {error.start} of the line", _readable(line))
    except orjson.JSONDecodeError as error:
        yield Malformed(number, "invalid_json", str(error), _readable(line))


def _checked_element(number: int, element: object) -> Record | Malformed:
    if isinstance(element, dict):
        for key, value in element.items():
            if isinstance(value, str) and INVALID_BYTE in value:
                at = value.index(INVALID_BYTE)
                return Malformed(number, "invalid_utf8", f'invalid byte at character {at} of "{key}"', value)
    return Record(number, element)


def _drain(elements: list) -> list:
    drained = list(elements)
    elements.clear()
    return drained


def _readable(raw: bytes) -> str:
    return raw[:1000].decode(errors="backslashreplace")


def _mark_invalid_byte(error: UnicodeError) -> tuple[str, int]:
    return INVALID_BYTE, error.end


codecs.register_error("mark_invalid_byte", _mark_invalid_byte)
