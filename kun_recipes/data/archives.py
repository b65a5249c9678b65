"""The bytes of a corpus file as a stream, plain or unpacked; a broken archive is told from a whole one."""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from kun_recipes.data.files import open_file

CHUNK_BYTES = 1 << 17
ZSTD_BYTES = 1 << 10  # packed, and unpacked at once: at most 256 blocks of 128 KiB, should they be all repetition

PACKINGS = ("", ".gz", ".zst")
"""Suffixes behind a file's own that say how it is packed."""


class BrokenArchive(Exception):
    """A compressed file that cannot be read on; `reason` says how it is broken."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


def read_chunks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file. Raises `BrokenArchive` after the last bytes that could be had."""
    with open_file(path) as file:
        if path.endswith(".gz"):
            yield from _gzip_chunks(file)
        elif path.endswith(".zst"):
            yield from _zstd_chunks(file)
        else:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def _gzip_chunks(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as archive:
        try:
            while chunk := archive.read1(CHUNK_BYTES):  # read() would lose what precedes the end of a truncated file
                yield chunk
        except EOFError as error:
            raise BrokenArchive("truncated_archive", "the gzip archive ends early") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BrokenArchive("corrupt_archive", f"the gzip archive is damaged: {error}") from error
    if file.tell() == 0:  # gzip takes a file without a byte for a whole archive
        raise BrokenArchive("truncated_archive", "the archive is empty")


def _zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Frame by frame: zstandard's and fsspec's file objects do not tell a truncated frame from a whole one."""
    decompressor = zstandard.ZstdDecompressor()
    frame = None
    for packed in _slices(file, ZSTD_BYTES):
        while packed:
            frame = frame or decompressor.decompressobj()
            try:
                yield frame.decompress(packed)
            except zstandard.ZstdError as error:
                raise BrokenArchive("corrupt_archive", f"the zstd archive is damaged: {error}") from error
            packed = frame.unused_data
            frame = None if frame.eof else frame
    if frame:
        raise BrokenArchive("truncated_archive", "the zstd archive ends early")
    if file.tell() == 0:
        raise BrokenArchive("truncated_archive", "the archive is empty")


def _slices(file: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]
