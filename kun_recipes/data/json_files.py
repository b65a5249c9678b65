"""Raw records out of JSON files, however they are laid out: lines, an array, an array in an object, or one object.

The beginning of a file says which it is, not its name. Files in a zip or tar archive are read one after the other.
"""

import codecs
from collections.abc import Collection, Iterator
from functools import partial

from kun_recipes.data.archives import foreign_kind, peek
from kun_recipes.data.arrays import parse_array
from kun_recipes.data.encodings import SAMPLE_BYTES, as_utf8
from kun_recipes.data.json_lines import Malformed, Record, parse_json, parse_lines, readable
from kun_recipes.data.layouts import (
    ARRAY,
    OBJECT,
    find_array,
    first_is_record,
    has_text,
    others_are_records,
)
from kun_recipes.data.members import number_members

SUFFIXES = (".json", ".jsonl", ".ndjson")
MAX_OBJECT_BYTES = 1 << 24
"""Of a file that begins with an object and no whole line, read to tell whether the object is a record."""


def read_json(path: str, texts: Collection[str] = ("text",)) -> Iterator[Record | Malformed]:
    """Yield the records of a file, or of all files of an archive. A file without a record is a `Malformed`, too.

    Args:
        texts: fields that may hold a record's text. An object that has one is a record, and not around records.
    """
    yield from number_members(path, SUFFIXES, partial(_read_member, texts=texts))


def _read_member(chunks: Iterator[bytes], texts: Collection[str]) -> Iterator[Record | Malformed]:
    head, chunks = peek(as_utf8(chunks), SAMPLE_BYTES)
    if (kind := foreign_kind(head)) and b'\n{"' not in head:
        yield Malformed(1, "wrong_file", f"the file is {kind}", readable(head))
    elif ARRAY.match(head) and not (first_is_record(head) and others_are_records(head)):
        yield from parse_array(chunks)
    elif OBJECT.match(head) and not first_is_record(head):
        yield from _read_object(chunks, texts)
    else:
        yield from _read_lines(chunks)


def _read_object(chunks: Iterator[bytes], texts: Collection[str]) -> Iterator[Record | Malformed]:
    """Yield the records of a file that begins with an object, and not with one on a short line of its own."""
    head, chunks = peek(chunks, MAX_OBJECT_BYTES)
    whole = parse_json(1, head.removeprefix(codecs.BOM_UTF8), "object")
    if isinstance(whole, Malformed) and (first_is_record(head) or others_are_records(head)):
        yield from _read_lines(chunks)
    elif (isinstance(whole, Malformed) or not has_text(whole.value, texts)) and (start := find_array(head, texts)):
        yield from parse_array(_without_beginning(chunks, start), beside=texts)
    elif isinstance(whole, Record):
        yield whole
    else:
        yield from _read_lines(chunks)


def _read_lines(chunks: Iterator[bytes]) -> Iterator[Record | Malformed]:
    empty = True
    for record in parse_lines(chunks):
        empty = False
        yield record
    if empty:
        yield Malformed(1, "empty_file", "the file is empty", "")


def _without_beginning(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[size:]
        size = max(size - len(chunk), 0)
