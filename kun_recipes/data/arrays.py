"""Stream raw records out of files that hold one JSON array each.

A scan over quotes and brackets finds where an element ends, and orjson parses its bytes. A broken element comes out as
`Malformed`. A missing quote or bracket makes several elements look like one: then the scan resumes at the next place
that begins as the file's first element does. Memory is bounded by the longest element.
"""

import codecs
import re
from collections.abc import Collection, Iterable, Iterator

from kun_recipes.data.archives import BrokenArchive
from kun_recipes.data.json_lines import Malformed, Record, parse_json, readable

# Everything up to the next bracket (between elements: or comma), whole strings included; but it stops at a string that
# is cut or holds an escaped quote. `[^"]*+` and the look-behind are ten times as fast as `[^"\\]` and its escapes.
INSIDE = re.compile(rb'(?:[^"{}\[\]]*+"[^"]*+"(?<!\\"))*+[^"{}\[\]]*+')
BETWEEN = re.compile(rb'(?:[^"{}\[\],]*+"[^"]*+"(?<!\\"))*+[^"{}\[\],]*+')
QUOTE, BACKSLASH, END_OF_OBJECT, END_OF_ARRAY = b'"\\}]'
OPENING = b"{["
MAX_ELEMENT_BYTES = 1 << 27  # 128 MiB, many times a long book: what is longer lacks a quote or a bracket
MAX_BROKEN = 100  # elements in a row after which the rest is given up, because it is no JSON

FIRST_KEY = re.compile(rb'\s*\{\s*("[^"\\]*")\s*:')


class _GivenUp(Exception):
    """The rest of the array cannot be read; `reason` is that of its `Malformed`."""

    def __init__(self, message: str, reason: str = "invalid_json"):
        super().__init__(message)
        self.reason = reason


def parse_array(
    chunks: Iterable[bytes], max_element: int = MAX_ELEMENT_BYTES, beside: Collection[str] | None = None
) -> Iterator[Record | Malformed]:
    """Yield the elements of a JSON array that comes in chunks, cut anywhere.

    Args:
        max_element: length of the longest element, in bytes.
        beside: fields that must not stand behind the array, which is a value in an object; None for an array alone.
    """
    array = _Array(max_element, beside)
    try:
        yield from _parse(array, chunks)
    except (BrokenArchive, _GivenUp) as error:
        yield array.malformed(error.reason, str(error))


def _parse(array: "_Array", chunks: Iterable[bytes]) -> Iterator[Record | Malformed]:
    try:
        for chunk in chunks:
            yield from array.feed(chunk)
    except BrokenArchive:
        yield from array.finish()
        raise
    yield from array.finish()
    array.require_end()


class _Array:
    """An array of which a part is known."""

    def __init__(self, max_element: int, beside: Collection[str] | None):
        self.max_element, self.beside = max_element, beside
        self.scan = ArrayScan()
        self.number = 0  # of the last element
        self.broken = 0  # elements in a row, up to the last
        self.is_open = self.is_closed = False
        self.at_bracket = False  # the last element was followed by a bracket: by the array's, if it was not broken
        self.next_element: re.Pattern[bytes] | None = None

    def feed(self, chunk: bytes) -> Iterator[Record | Malformed]:
        """Yield the elements that end in `chunk`."""
        self.scan.buffer += chunk
        if self.is_open or self._opens():
            yield from self._elements()
            if len(self.scan.buffer) > self.max_element:
                yield from self._pass_over_broken()
            if len(self.scan.buffer) > self.max_element:
                limit = f"{self.max_element / (1 << 20):g} MiB"
                raise _GivenUp(f"an element does not end within {limit}; the rest of the file is skipped")

    def finish(self) -> Iterator[Record | Malformed]:
        """Yield the elements behind one without an end, and the last one if only its closing bracket is missing."""
        yield from self._pass_over_broken()
        left = bytes(self.scan.buffer)
        if self.is_open and not self.is_closed and not self.scan.depth and left.rstrip().endswith(b"}"):
            self.scan.buffer.clear()
            self.number += 1
            yield parse_json(self.number, left, "element")

    def require_end(self) -> None:
        """Raise _GivenUp when the array is not closed."""
        if not self.is_closed and not (self.at_bracket and not self.scan.buffer.strip()):
            raise _GivenUp("the array is not closed" if self.is_open else "the file is empty")
        if self.beside is not None:
            self._require_end_of_object(self.beside)

    def _require_end_of_object(self, forbidden: Collection[str]) -> None:
        rest = bytes(self.scan.buffer).strip()
        around = parse_json(1, b'{"array": 0' + rest, "object")
        if isinstance(around, Malformed):
            problem = "is broken, or more text follows it" if rest.endswith(b"}") else "is not closed"
            raise _GivenUp(f"the object around the array {problem}; the text after the array is skipped")
        if found := [name for name in forbidden if around.value.get(name)]:
            raise _GivenUp(f'the object around the array has its own "{found[0]}", which is skipped', "wrong_type")

    def malformed(self, reason: str, message: str) -> Malformed:
        """Return the record of an element that cannot be read, or of the rest of the file."""
        return Malformed(self.number + 1, reason, message, readable(self.scan.buffer))

    def _opens(self) -> bool:
        beginning = self.scan.buffer.removeprefix(codecs.BOM_UTF8).lstrip()
        if not beginning or codecs.BOM_UTF8.startswith(beginning):
            return False
        if not beginning.startswith(b"["):
            raise _GivenUp("the file is not a JSON array", "wrong_type")
        self.scan.buffer = beginning[1:]
        self.is_open = True
        return True

    def _elements(self) -> Iterator[Record | Malformed]:
        """Yield the elements that end in the buffer; then it begins with the one that does not."""
        while not self.is_closed and self.scan.find_end():
            if self.broken == MAX_BROKEN:
                raise _GivenUp(f"{MAX_BROKEN} broken elements in a row; the rest of the file is skipped")
            yield from self._element()
        self.scan.forget()
        if self.is_closed and self.beside is None and (behind := self.scan.buffer.lstrip()):
            if not behind.startswith(b"["):
                raise _GivenUp("text after the end of the array")
            self.is_open = self.is_closed = False  # files joined to one
            self.scan.begin(0)
            if self._opens():
                yield from self._elements()

    def _element(self) -> Iterator[Record | Malformed]:
        raw, start = self.scan.element, self.scan.start
        self.at_bracket = self.scan.at_last
        self.scan.begin(self.scan.position + 1)
        if self.at_bracket and not self.broken and not raw.strip():  # no element at all, or a comma behind the last
            self.is_closed = True
            return
        self.number += 1
        record = parse_json(self.number, raw, "element")
        if isinstance(record, Record):
            self.broken, self.is_closed = 0, self.at_bracket
            if self.next_element is None:
                self._learn(raw)
        else:
            self.broken += 1
            if following := self._following(raw):
                self.scan.begin(start + following)
        yield record

    def _pass_over_broken(self) -> Iterator[Record | Malformed]:
        """Go on behind an element that has no end, where another one shows in what was taken for it."""
        while self.is_open and not self.is_closed and (following := self._following(self.scan.buffer)):
            yield self.malformed("invalid_json", "the element is not closed")
            self.number += 1
            self.scan.begin(following)
            yield from self._elements()

    def _following(self, raw: bytes | bytearray) -> int | None:
        """Return where the next element begins in the bytes of a broken one.

        A string cannot hold what is looked for: its quotes are escaped. Only an object inside an element could, if it
        began with the key with which elements begin.
        """
        if self.next_element is None:
            self._learn(raw)
        found = self.next_element.search(raw) if self.next_element else None
        return found and found.end()

    def _learn(self, raw: bytes | bytearray) -> None:
        if first := FIRST_KEY.match(raw):
            self.next_element = re.compile(rb"\}\s*,(?=\s*\{\s*" + re.escape(first[1]) + rb"\s*:)")


class ArrayScan:
    """Finds the end of an element in a growing buffer: it stops where the bytes end, and resumes when more arrive.

    Attributes:
        buffer: bytes that are not done with.
        start: where the element begins.
        position: how far it is scanned.
        depth: number of brackets that are open there.
        in_string: whether a string is.
    """

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.begin(0)

    def begin(self, start: int) -> None:
        """Scan the element that begins at `start`."""
        self.start = self.position = start
        self.depth, self.in_string = 0, False

    def find_end(self) -> bool:
        """Move to the comma or bracket behind the element; False when it is not in the buffer yet."""
        while True:
            if self.in_string and not self._leave_string():
                return False
            pattern = INSIDE if self.depth else BETWEEN
            match = pattern.match(self.buffer, self.position)
            assert match  # both patterns match nothing too
            self.position = match.end()
            if self.position == len(self.buffer):
                return False
            sign = self.buffer[self.position]
            if sign == QUOTE:
                self.in_string = True
            elif sign in OPENING:
                self.depth += 1
            elif self.depth:
                self.depth -= 1
            elif sign != END_OF_OBJECT:
                return True
            self.position += 1

    @property
    def element(self) -> bytes:
        """The element's bytes, as far as they are scanned."""
        return bytes(memoryview(self.buffer)[self.start : self.position])

    @property
    def at_last(self) -> bool:
        """Return whether what ends the element ends the array."""
        return self.buffer[self.position] == END_OF_ARRAY

    def forget(self) -> None:
        """Drop the bytes before the element."""
        del self.buffer[: self.start]
        self.position -= self.start
        self.start = 0

    def _leave_string(self) -> bool:
        """Move behind the quote that ends the string: the first with an even number of backslashes before it."""
        while (quote := self.buffer.find(QUOTE, self.position)) >= 0:
            before = quote - 1
            while self.buffer[before] == BACKSLASH:
                before -= 1
            self.position = quote + 1
            if (quote - before) % 2:
                self.in_string = False
                return True
        self.position = len(self.buffer)
        return False
