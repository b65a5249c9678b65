"""Text files of other encodings than UTF-8, as UTF-8: UTF-16 and GB18030 (GBK, GB2312).

The first bytes tell UTF-16. The bytes that follow the first one beyond ASCII tell GB18030, however late it comes: they
are nearly all usual characters in it, and many of them those that Chinese uses most.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import chain, islice

from kun_recipes.data.archives import peek
from kun_recipes.text.views import HAN

SAMPLE_BYTES = 1 << 16  # of a file, by which its encoding is recognised
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

# Of the Han characters and kana. Chinese has 0.26 and more, in lists of names; Japanese and Korean, whose encodings
# fill the same bytes, have 0.18 at most.
MIN_FREQUENT = 0.2
MIN_JUDGED = 50  # Han characters and kana: fewer do not tell
HAN_OR_KANA = re.compile(f"[{HAN}\u3041-\u30fe]")
FREQUENT = frozenset(  # characters of modern Chinese, simplified and traditional: two of three in ordinary text
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
    "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运這個們來爲國說時會對於過發後裏種經麼學現當沒動還進樣開從實軍無與長機關點業將兩間問並應戰頭體見產話內給門兒東聲"
    "員論處義幾認條氣題爾別變總電數報結務場計資許統區隊決馬書則聽卻達強難權設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運為裡"
)

codecs.register_error("stays_invalid", lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]


def as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the text of `chunks` as UTF-8. Bytes that are invalid in the file's encoding stay invalid."""
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
    """Return "gb18030" for a sample of such text; None for UTF-8, and if undecided."""
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
    return len(characters) >= MIN_EVIDENCE and common >= MIN_COMMON * len(characters) and _is_chinese(characters)


def _is_chinese(characters: list[str]) -> bool:
    judged = [character for character in characters if HAN_OR_KANA.match(character)]
    return len(judged) < MIN_JUDGED or sum(map(FREQUENT.__contains__, judged)) >= MIN_FREQUENT * len(judged)


def _is_common(character: str) -> bool:
    """Return whether a character is a simplified one of GB2312 or a usual traditional one."""
    in_big5 = character.encode("big5", "ignore")
    return bool(character.encode("gb2312", "ignore")) or (len(in_big5) == 2 and in_big5[0] <= LAST_COMMON_IN_BIG5)


def _recode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("stays_invalid")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
