"""Text files of other encodings than UTF-8, as UTF-8: GB18030 (GBK, GB2312) and UTF-16, told by a file's beginning."""

import codecs
import re
from collections.abc import Iterator

from kun_recipes.data.archives import peek

SAMPLE_BYTES = 1 << 16  # of a file, by which its encoding is told
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WITHOUT_MARK = ((re.compile(rb"[{\[\s]\0"), "utf-16-le"), (re.compile(rb"\0[{\[\s]"), "utf-16-be"))
MIN_EVIDENCE = 8  # characters beyond ASCII: fewer do not tell GB18030 from damaged UTF-8
MAX_UTF8 = 0.3  # of the bytes beyond ASCII, in a file of GB18030, that happen to be Han in UTF-8
MIN_COMMON = 0.9  # of the characters, in a file of GB18030: those of GB2312. Other encodings give rare ones
HAN_IN_UTF8 = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")

codecs.register_error("stays_invalid", lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]


def as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the text of `chunks` as UTF-8. What is no text in the file's encoding is no UTF-8 either."""
    head, chunks = peek(chunks, SAMPLE_BYTES)
    encoding = detect_encoding(head)
    return _recode(chunks, encoding) if encoding else chunks


def detect_encoding(head: bytes) -> str | None:
    """Return the encoding of a file that begins so; None for UTF-8, and for what cannot be told."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    for pattern, encoding in WITHOUT_MARK:
        if pattern.match(head):
            return encoding
    return "gb18030" if not _is_utf8(head) and _is_gb18030(head) else None


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _is_gb18030(head: bytes) -> bool:
    beyond = len(BEYOND_ASCII.findall(head))
    if sum(map(len, HAN_IN_UTF8.findall(head))) > MAX_UTF8 * beyond:
        return False
    text = codecs.getincrementaldecoder("gb18030")("replace").decode(head)
    characters = [character for character in text if character > "\x7f"]
    common = sum(len(character.encode("gb2312", "ignore")) > 0 for character in characters)
    return len(characters) >= MIN_EVIDENCE and common >= MIN_COMMON * len(characters)


def _recode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("stays_invalid")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
