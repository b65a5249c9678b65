"""Layout of a JSON file, recognised by its beginning: lines, an array, an object around an array, or one object."""

import codecs
import re
from collections.abc import Collection

from kun_recipes.data.arrays import ArrayScan
from kun_recipes.data.json_lines import Malformed, Record, parse_json

BLANK = rb"(?:\xef\xbb\xbf)?\s*"
ARRAY = re.compile(BLANK + rb'\[\s*(?:[{"\]]|\Z)')
OBJECT = re.compile(BLANK + rb'\{(?=\s*"|\s*\Z)')
KEY = re.compile(rb'\s*("(?:[^"\\]|\\.)*+")\s*:\s*')
OBJECTS = re.compile(rb"\[\s*(?=\{)")
AROUND_RECORDS = frozenset({"records", "rows", "data", "items", "documents"})
"""Usual names of the array in an object around it, as database tools export a table: {"RECORDS": [...]}."""
LINES = 20  # behind a broken first line, looked at


def first_is_record(head: bytes) -> bool:
    """Return whether the first line is a record, and others follow."""
    first, _, others = _stripped(head).partition(b"\n")
    return bool(others) and isinstance(parse_json(1, first, "line"), Record)


def others_are_records(head: bytes) -> bool:
    """Return whether most lines behind the first are objects. In an array a comma follows them."""
    others = _stripped(head).split(b"\n", LINES + 1)[1 : LINES + 1]
    objects = [line for line in others if OBJECT.match(line) and isinstance(parse_json(1, line, "line"), Record)]
    return 2 * len(objects) > len(others)


def has_text(fields: object, texts: Collection[str]) -> bool:
    """Return whether a record has a text, of whatever type: one of the fields `texts` is filled."""
    return isinstance(fields, dict) and any(fields.get(name) for name in texts)


def find_array(head: bytes, texts: Collection[str]) -> int | None:
    """Return where the array begins in an object around records; None for another object.

    The array has a usual name, or a record for its first element. An object with a text of its own is a record.

    Args:
        texts: fields that may hold a record's text.
    """
    scan = ArrayScan()
    scan.buffer += head
    opening = OBJECT.match(head)
    position = opening.end() if opening else len(head)
    while key := KEY.match(head, position):
        name = parse_json(1, key[1], "name")
        if isinstance(name, Malformed):
            return None
        objects = OBJECTS.match(head, key.end())
        if objects and name.value not in texts:
            first = _element(scan, objects.end())
            if name.value.lower() in AROUND_RECORDS or (isinstance(first, Record) and has_text(first.value, texts)):
                return key.end()
        value = _element(scan, key.end())
        if not isinstance(value, Record) or has_text({name.value: value.value}, texts):
            return None
        position = scan.position + 1
    return None


def _element(scan: ArrayScan, start: int) -> Record | Malformed | None:
    """Return the value that begins at `start`; None where it has no end."""
    scan.begin(start)
    return parse_json(1, scan.element, "value") if scan.find_end() else None


def _stripped(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8).strip()
