"""Text files of other encodings than UTF-8, as UTF-8: UTF-16 and GB18030 (GBK, GB2312).

The first bytes tell UTF-16. The bytes that follow the first one beyond ASCII tell GB18030, however late it comes.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain, islice

from kun_recipes.data.archives import peek

SAMPLE_BYTES = 1 << 16  # of a file, by which its encoding is told
MAX_SAMPLE_BYTES = 1 << 24  # where fewer do not hold `ENOUGH` bytes beyond ASCII
ENOUGH = 64
MAX_CHARACTERS = 1 << 15  # beyond ASCII, looked at in a sample
MARK_BYTES = 4
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WITHOUT_MARK = ((re.compile(rb"[{\[\s]\0"), "utf-16-le"), (re.compile(rb"\0[{\[\s]"), "utf-16-be"))
MIN_EVIDENCE = 8  # characters beyond ASCII: fewer do not tell GB18030 from damaged UTF-8
MAX_UTF8 = 0.3  # of the bytes beyond ASCII, in a file of GB18030, that happen to be Han in UTF-8
MIN_COMMON = 0.9  # of the characters, in a file of GB18030. Other encodings, Big5 among them, give rare ones
LAST_COMMON_IN_BIG5 = 0xC6  # lead byte of the usual traditional characters
HAN_IN_UTF8 = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
ASCII = bytes(range(0x80))

codecs.register_error("stays_invalid", lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]


def as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the text of `chunks` as UTF-8. What is no text in the file's encoding is no UTF-8 either."""
    head, chunks = peek(chunks, MARK_BYTES)
    encoding = marked_encoding(head)
    while encoding is None and (chunk := next(chunks, None)) is not None:
        if first := BEYOND_ASCII.search(chunk):
            yield chunk[: first.start()]
            sample, chunks = _sample(chain([chunk[first.start() :]], chunks))
            encoding = unmarked_encoding(sample)
            break
        yield chunk
    yield from _recode(chunks, encoding) if encoding else chunks


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that the first bytes of a file show: UTF-16 or UTF-32."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    return next((encoding for pattern, encoding in WITHOUT_MARK if pattern.match(head)), None)


def unmarked_encoding(sample: bytes) -> str | None:
    """Return "gb18030" for a sample of such text; None for UTF-8, and for what cannot be told."""
    return "gb18030" if not _is_utf8(sample) and _is_gb18030(sample) else None


def _sample(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the bytes that tell the encoding, and all chunks."""
    size = SAMPLE_BYTES
    sample, chunks = peek(chunks, size)
    while size <= len(sample) < MAX_SAMPLE_BYTES and _beyond_ascii(sample) < ENOUGH:
        size = 4 * len(sample)
        sample, chunks = peek(chunks, size)
    return sample, chunks


def _beyond_ascii(data: bytes) -> int:
    """Return the number of bytes beyond ASCII."""
    return len(data.translate(None, ASCII))


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _is_gb18030(head: bytes) -> bool:
    if sum(len(han[0]) for han in HAN_IN_UTF8.finditer(head)) > MAX_UTF8 * _beyond_ascii(head):
        return False
    text = codecs.getincrementaldecoder("gb18030")("replace").decode(head)
    characters = list(islice((character for character in text if character > "\x7f"), MAX_CHARACTERS))
    common = sum(map(_is_common, characters))
    return len(characters) >= MIN_EVIDENCE and common >= MIN_COMMON * len(characters)


def _is_common(character: str) -> bool:
    """Return whether a character is a simplified one of GB2312 or a usual traditional one."""
    in_big5 = character.encode("big5", "ignore")
    return bool(character.encode("gb2312", "ignore")) or (len(in_big5) == 2 and in_big5[0] <= LAST_COMMON_IN_BIG5)


def _recode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("stays_invalid")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
