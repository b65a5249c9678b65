"""Chunks of packed files: whole, cut short, damaged; plain files are whatever they are."""

import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from kun_recipes.data.archives import CHUNK_BYTES, BrokenArchive, foreign_kind, read_chunks, read_members

PACK = {
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.compress(data),
    ".xz": lzma.compress,
}
DATA = "文字，".encode() + random.Random(0).randbytes(400_000)


def unpack(path: Path) -> tuple[bytes, str | None]:
    """The readable part of the file, and the reason for its end."""
    data = bytearray()
    try:
        for chunk in read_chunks(str(path)):
            data += chunk
    except BrokenArchive as error:
        return bytes(data), error.reason
    return bytes(data), None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "part.jsonl"


def test_uncompressed_file_is_read_unchanged(path):
    path.write_bytes(DATA)
    assert unpack(path) == (DATA, None)
    path.write_bytes(b"")
    assert unpack(path) == (b"", None)


CASES = [
    ("whole", lambda data: data, len(DATA), None),
    ("several archives in a row", lambda data: data * 3, 3 * len(DATA), None),
    ("cut in the middle", lambda data: data[: len(data) // 2], None, "truncated_archive"),
    ("cut in the second of two", lambda data: data + data[: len(data) // 2], None, "truncated_archive"),
    ("cut before the last byte", lambda data: data[:-1], None, "truncated_archive"),
    ("no byte", lambda data: b"", 0, "truncated_archive"),
    ("three bytes", lambda data: data[:3], 0, "truncated_archive"),
    ("no archive", lambda data: b"no archive at all", 0, "corrupt_archive"),
    ("other bytes behind the archive", lambda data: data + b"no archive at all", len(DATA), "corrupt_archive"),
]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize(("spoil", "size", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_compressed_file_is_unpacked_up_to_its_damage(path, suffix, spoil, size, reason):
    path = path.with_suffix(suffix)
    path.write_bytes(spoil(PACK[suffix](DATA)))
    data, found = unpack(path)
    assert found == reason
    assert (DATA * 3).startswith(data)
    if size is None:
        assert len(DATA) // 4 < len(data) < 2 * len(DATA)
    else:
        assert len(data) == size


def test_damaged_checksum_is_detected(path):
    path = path.with_suffix(".gz")
    packed = bytearray(gzip.compress(DATA))
    packed[-6] ^= 1
    path.write_bytes(packed)
    assert unpack(path)[1] == "corrupt_archive"


def test_zeros_behind_gzip_are_padding(path):
    path = path.with_suffix(".gz")
    path.write_bytes(gzip.compress(DATA) + bytes(1000))
    assert unpack(path) == (DATA, None)


@pytest.mark.parametrize("suffix", PACK)
def test_memory_is_bounded_for_highly_compressed_archives(path, suffix):
    path = path.with_suffix(suffix)
    pack = {
        ".gz": lambda: zlib.compressobj(1, wbits=31),
        ".zst": zstandard.ZstdCompressor().compressobj,
        ".xz": lambda: lzma.LZMACompressor(preset=0),
    }[suffix]()
    line = ("一样的话。" * 500).encode() + b"\n"
    with path.open("wb") as file:
        for _ in range(8000):
            file.write(pack.compress(line))
        file.write(pack.flush())
    size = 0
    tracemalloc.start()
    for chunk in read_chunks(str(path)):
        size += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 8000 * len(line)
    assert peak < 256 * CHUNK_BYTES  # 34 MB, of 60 MB


def tarred(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


INSIDE = {"part/a.jsonl": DATA, "readme.txt": b"no records", "part/b.jsonl.gz": gzip.compress(DATA[:1000])}
HELD = [
    ("part.jsonl", DATA),
    ("part.jsonl.tar.gz", gzip.compress(tarred(INSIDE))),
    ("part.tar", tarred(INSIDE)),
    ("part.tgz", gzip.compress(tarred(INSIDE))),
    ("part.jsonl.gz", gzip.compress(tarred(INSIDE))),  # a tar by another name
    ("part.zip", zipped(INSIDE)),
]


def members(path: Path) -> tuple[list[bytes], str | None]:
    held: list[bytes] = []
    try:
        for chunks in read_members(str(path), (".jsonl",)):
            held.append(b"".join(chunks))
    except BrokenArchive as error:
        return held, error.reason
    return held, None


@pytest.mark.parametrize(("name", "data"), HELD, ids=[name for name, _ in HELD])
def test_files_in_an_archive(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    expected = [DATA] if name == "part.jsonl" else [DATA, DATA[:1000]]
    assert members(tmp_path / name) == (expected, None)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.zip", zipped({"a.txt": b"x"}), "wrong_file"),
        ("a.tar", tarred({"a.txt": b"x"}), "wrong_file"),
        ("a.zip", zipped(INSIDE)[:-40], "corrupt_archive"),
        ("a.tar", tarred({"a.jsonl": DATA})[:5000], "truncated_archive"),
        ("a.tar.gz", gzip.compress(tarred({"a.jsonl": DATA}))[:5000], "truncated_archive"),
    ],
)
def test_archives_that_hold_nothing_to_read(tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    assert members(tmp_path / name)[1] == reason


@pytest.mark.parametrize(
    ("head", "kind"), [(b"\n<!DOCTYPE html>", "HTML"), (b"7z\xbc\xaf\x27\x1c\0", "7z"), (b"{}", None)]
)
def test_files_of_another_kind_are_named(head, kind):
    found = foreign_kind(head)
    assert kind in found if kind else found is None
