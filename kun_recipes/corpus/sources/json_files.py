"""Raw records out of JSON files, however they are laid out: JSON lines, an array, or an array in an object.

The beginning of a file says which it is, not its name. Files in a zip or tar archive are read one after the other.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import orjson

from kun_recipes.corpus.sources.arrays import ABOUT_ARRAY, parse_array
from kun_recipes.data.archives import BrokenArchive, foreign_kind, peek, read_members
from kun_recipes.data.encodings import SAMPLE_BYTES, as_utf8
from kun_recipes.data.json_lines import Malformed, Record, parse_lines, readable

SUFFIXES = (".json", ".jsonl", ".ndjson")
BLANK = rb"(?:\xef\xbb\xbf)?\s*"
ARRAY = re.compile(BLANK + rb'\[\s*(?:[{"\]]|\Z)')
WRAPPED = re.compile(
    BLANK + rb"\{\s*(?:" + ABOUT_ARRAY + rb'\s*,\s*)*"(?:records|rows|data|items|documents)"\s*:\s*(?=\[\s*\{)',
    re.IGNORECASE,
)
"""An object around the array, as database tools export a table: {"RECORDS": [...]}."""


def read_json(path: str) -> Iterator[Record | Malformed]:
    """Yield the records of a file, or of all files of an archive. A file without a record is a `Malformed`, too."""
    number = 0
    try:
        for chunks in read_members(path, SUFFIXES):
            before = number
            for record in _read_member(chunks):
                number = before + record.number
                yield replace(record, number=number) if before else record
    except BrokenArchive as error:
        yield Malformed(number + 1, error.reason, str(error), "")


def _read_member(chunks: Iterator[bytes]) -> Iterator[Record | Malformed]:
    head, chunks = peek(as_utf8(chunks), SAMPLE_BYTES)
    if (kind := foreign_kind(head)) and b'\n{"' not in head:
        yield Malformed(1, "wrong_file", f"the file is {kind}", readable(head))
        return
    wrapper = WRAPPED.match(head)
    if (wrapper or ARRAY.match(head)) and not _are_lines(head):
        chunks = _without_beginning(chunks, wrapper.end()) if wrapper else chunks
        yield from parse_array(chunks, wrapped=wrapper is not None)
    else:
        empty = True
        for record in parse_lines(chunks):
            empty = False
            yield record
        if empty:
            yield Malformed(1, "empty_file", "the file is empty", "")


def _are_lines(head: bytes) -> bool:
    """Return whether the first line is a record, and others follow."""
    first, _, others = head.strip().partition(b"\n")
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return bool(others)


def _without_beginning(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[size:]
        size = max(size - len(chunk), 0)
