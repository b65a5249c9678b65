"""The bytes of a corpus file as a stream, plain or unpacked; broken archives are detected.

The bytes say how a file is packed: names are often wrong. The name counts for what is too short or damaged to tell.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from itertools import chain
from typing import IO, Any, BinaryIO

import zstandard

from kun_recipes.data.files import first_line, open_file

CHUNK_BYTES = 1 << 17
PACKED_BYTES = 1 << 10  # unpacked at once: at most 256 blocks of 128 KiB, should they be all repetition
TAR_MAGIC = slice(257, 262)
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")

PACKINGS = ("", ".gz", ".zst", ".xz")
"""Suffixes behind a file's own that say how it is packed."""

CONTAINERS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz")
"""Suffixes of archives that hold files."""

FOREIGN = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run `git lfs pull`"),
    (b"<", "an HTML or XML page: download the file again"),
    (b"PAR1", "a Parquet file: read it with the format parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "an SQLite database: export it as JSON lines"),
    (b"ARROW1", "an Arrow file: store it as Parquet"),
    (b"\xd0\xcf\x11\xe0", "an Office document: export it as JSON lines"),
)
"""First bytes of files without readable records, what such a file is, and what to do."""


class BrokenArchive(Exception):
    """A file that cannot be read on; `reason` says how it is broken."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:  # a worker sends it to the main process
        return type(self), (self.reason, str(self))


@dataclass(frozen=True)
class Packing:
    """A way to pack one stream of bytes.

    Attributes:
        begin: makes the object that unpacks a frame.
        errors: what that object raises for damage.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: bytes
    begin: Callable[[], Any]
    errors: type[Exception]


STREAMS = (
    Packing("gzip", (".gz", ".tgz"), b"\x1f\x8b", lambda: zlib.decompressobj(31), zlib.error),
    Packing(
        "zstd",
        (".zst",),
        b"\x28\xb5\x2f\xfd",
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        zstandard.ZstdError,
    ),
    Packing("xz", (".xz",), b"\xfd7zXZ\x00", lzma.LZMADecompressor, lzma.LZMAError),
)


def read_chunks(path: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file. Raises `BrokenArchive` after the last readable bytes."""
    with open_file(path) as file:
        yield from _unpack(_chunks_of(file), path)


def read_members(path: str, suffixes: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
    """Yield the unpacked bytes of each file at `path`: of one, or of those with `suffixes` in a zip or tar archive.

    Raises `BrokenArchive` for an archive that cannot be read on, or holds no such file.
    """
    with open_file(path) as file:
        head, packed = peek(_chunks_of(file), len(ZIP_MAGIC[0]))
        if head.startswith(ZIP_MAGIC):
            yield from _chosen(_zip_members(file), suffixes)
            return
        head, chunks = peek(_unpack(packed, path), TAR_MAGIC.stop)
        if head[TAR_MAGIC] == b"ustar":
            yield from _chosen(_tar_members(chunks), suffixes)
        else:
            yield chunks


def peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return at least the first `size` bytes where there are so many, and all chunks, the first included."""
    taken: list[bytes] = []
    known = 0
    try:
        for chunk in chunks:
            taken.append(chunk)
            known += len(chunk)
            if known >= size:
                break
    except BrokenArchive as error:
        chunks = _broken(error)
    return b"".join(taken), chain(taken, chunks)


def foreign_kind(head: bytes) -> str | None:
    """Return what a file is whose beginning shows that it holds no records, and what to do."""
    beginning = head.lstrip()
    return next((kind for magic, kind in FOREIGN if beginning.startswith(magic)), None)


def _broken(error: BrokenArchive) -> Iterator[bytes]:
    raise error
    yield


def _chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK_BYTES), b"")


def _unpack(packed: Iterator[bytes], name: str) -> Iterator[bytes]:
    head, packed = peek(packed, 1)
    packing = next((one for one in STREAMS if head.startswith(one.magic)), None)
    if packing is None and not head.lstrip().startswith((b"{", b"[")):
        packing = next((one for one in STREAMS if name.endswith(one.suffixes)), None)
    return _frames(packed, packing) if packing else packed


def _frames(chunks: Iterable[bytes], packing: Packing) -> Iterator[bytes]:
    """Yield frame by frame: file objects lose what precedes the end of a truncated file, or do not notice that end."""
    frame, started = None, False
    for packed in _slices(chunks, PACKED_BYTES):
        while packed := packed if frame else packed.lstrip(b"\0"):  # zeros behind a frame are padding
            frame, started = frame or packing.begin(), True
            try:
                yield frame.decompress(packed)
            except packing.errors as error:
                problem = foreign_kind(packed) if packed[:1] == b"<" else str(error)
                raise BrokenArchive("corrupt_archive", f"the {packing.name} archive is damaged: {problem}") from error
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame:
        raise BrokenArchive("truncated_archive", f"the {packing.name} archive ends early")
    if not started:
        raise BrokenArchive("truncated_archive", "the archive is empty")


def _slices(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


Member = tuple[str, Iterator[bytes]]


def _chosen(members: Iterator[Member], suffixes: tuple[str, ...]) -> Iterator[Iterator[bytes]]:
    others, found = [], False
    for name, chunks in members:
        if name.endswith(tuple(suffix + packing for suffix in suffixes for packing in PACKINGS)):
            found = True
            yield _unpack(chunks, name)
        else:
            others.append(name)
    if not found:
        held = f"only {', '.join(others[:3])}" if others else "no file"
        raise BrokenArchive("wrong_file", f"the archive contains {held}; expected one ending in {', '.join(suffixes)}")


def _zip_members(file: BinaryIO) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, _zip_chunks(archive, info)
    except zipfile.BadZipFile as error:
        raise BrokenArchive("corrupt_archive", f"the zip archive is damaged: {first_line(error)}") from error


def _zip_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(info) as member:
            yield from _chunks_of(member)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise BrokenArchive("corrupt_archive", f"the zip archive is damaged: {first_line(error)}") from error
    except (RuntimeError, NotImplementedError) as error:  # a password; another way to pack
        raise BrokenArchive("corrupt_archive", f"the zip archive cannot be unpacked: {first_line(error)}") from error


def _tar_members(chunks: Iterator[bytes]) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=_Stream(chunks), mode="r|", bufsize=CHUNK_BYTES) as archive:
            for info in archive:
                if member := archive.extractfile(info):
                    yield info.name, _tar_chunks(member)
    except tarfile.TarError as error:
        raise BrokenArchive("corrupt_archive", f"the tar archive is damaged: {first_line(error)}") from error


def _tar_chunks(member: Any) -> Iterator[bytes]:
    try:
        yield from _chunks_of(member)
    except tarfile.TarError as error:
        raise BrokenArchive("truncated_archive", f"the tar archive ends early: {first_line(error)}") from error


class _Stream(RawIOBase):
    """Chunks as the file that tarfile reads."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._left = chunks, b""

    def read(self, size: int = -1) -> bytes:
        while not self._left and (chunk := next(self._chunks, None)) is not None:
            self._left = chunk
        taken, self._left = self._left[:size], self._left[size:]
        return taken
