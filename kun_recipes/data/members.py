"""Records of a file, or of all files of an archive, numbered in one row."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from kun_recipes.data.archives import BrokenArchive, read_members
from kun_recipes.data.json_lines import Malformed, Record

Records = Iterator[Record | Malformed]


def number_members(path: str, suffixes: tuple[str, ...], read: Callable[[Iterator[bytes]], Records]) -> Records:
    """Yield what `read` makes of each file with one of the suffixes; a broken archive is a `Malformed`."""
    number = 0
    try:
        for chunks in read_members(path, suffixes):
            before = number
            for record in read(chunks):
                number = before + record.number
                yield replace(record, number=number) if before else record
    except BrokenArchive as error:
        yield Malformed(number + 1, error.reason, str(error), "")
