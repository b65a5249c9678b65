"""Files of other encodings come out as UTF-8; undecided or damaged files stay as they are or invalid."""

import pytest

from kun_recipes.data.encodings import as_utf8, marked_encoding, unmarked_encoding

LINE = '{"text": "腌好的雪里蕻要在通风的地方放两天，再一层菜一层盐码进缸里。"}\n'
TRADITIONAL = '{"text": "臺灣的繁體中文網頁，產品規格與說明書請參閱後續內容，並應妥善保管。"}\n'


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb2312"]
)
def test_text_comes_out_as_utf8(encoding, size):
    text = LINE.replace("蕻", "里") * 1000 if encoding == "gb2312" else LINE * 1000
    data = text.encode(encoding)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert b"".join(as_utf8(pieces)).decode() == text


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", None),
        (b'{"text": "plain"}', None),
        (b'{"text": "\xd6\xd0"}', None),  # one character is not evidence
        (LINE.encode()[:40], None),  # cut in a character
        (LINE.encode() + b'{"text": "\xff\xfe\xd6\xd0"}', None),
        ((LINE.encode() * 3).replace("盐".encode(), b"\xe7\x9b"), None),
        (LINE.encode("gbk")[:31], "gb18030"),
        (b"[\n" + LINE.encode("gbk").replace(b"\xb5\xd8", b"\xff\xff"), "gb18030"),
        (TRADITIONAL.encode("big5"), None),
        (TRADITIONAL.encode("gbk"), "gb18030"),
        ("これは日本語の文章です。漢字とかなが混ざります。".encode("shift-jis"), None),
        ("\n[".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_detection(data, encoding):
    assert (marked_encoding(data) or unmarked_encoding(data)) == encoding


JAPANESE = (
    "港の朝は早い。漁師たちは暗いうちに船を出し、日が昇るころには市場へ魚を運ぶ。カモメが鳴き、氷を砕く音が響く。"
)
KOREAN = "항구의 아침은 이르다. 어부들은 어두울 때 배를 띄우고 해가 뜨면 시장으로 생선을 나른다. 갈매기가 운다. "
CHINESE = "日本的超市里常见“の”字，如“北の国”。港口的早晨来得很早，渔民在天亮以前出海，太阳升起时把鱼运到市场上去卖。"
NAMES = (
    "海鸥、鲣鸟、信天翁、军舰鸟、鹈鹕、鸬鹚、白鹭、苍鹭、池鹭、夜鹭、黑鹳、白琵鹭、大天鹅、绿头鸭、斑嘴鸭、针尾鸭、"
)
LESSON = "片假名常用于外来词，例如：カメラ（照相机）、テレビ（电视机）、バス（公共汽车）、ピアノ（钢琴）。"


@pytest.mark.parametrize("times", [2, 2000])
@pytest.mark.parametrize(("text", "other"), [(JAPANESE, "euc_jp"), (KOREAN, "euc_kr")])
def test_encodings_of_the_same_bytes_are_no_gb18030(text, other, times):
    assert unmarked_encoding((text * times).encode(other)) is None


@pytest.mark.parametrize("times", [2, 2000])
@pytest.mark.parametrize("text", [CHINESE, NAMES, LESSON, TRADITIONAL])
def test_chinese_with_kana_and_lists_of_names_are_gb18030(text, times):
    assert unmarked_encoding((text * times).encode("gb18030")) == "gb18030"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_damage_stays_invalid_in_its_line(encoding):
    bad = b"\xff\xff" if encoding == "gb18030" else b"\x00\xd8"
    data = (LINE * 3).encode(encoding).replace("菜".encode(encoding)[-2:], bad, 1)
    first, *others = b"".join(as_utf8(iter([data]))).splitlines(keepends=True)
    with pytest.raises(UnicodeDecodeError):
        first.decode()
    assert [other.decode() for other in others] == [LINE] * 2


@pytest.mark.parametrize("size", [1000, 1 << 17, 1 << 22])
@pytest.mark.parametrize(
    ("before", "text"),
    [
        ('{"text": "plain words of another language"}\n' * 5000, LINE),
        ('{"text": "plain words of another language"}\n' * 5000, TRADITIONAL),
        ('{"title": "\u4e2d", "image": "' + "QUJD" * 100_000 + '"}\n', LINE),
    ],
    ids=["ASCII", "ASCII before traditional text", "one character and an image"],
)
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_text_behind_many_bytes_of_ascii_tells_the_encoding(encoding, before, text, size):
    data = (before + text * 10).encode(encoding)
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert b"".join(as_utf8(pieces)).decode() == before + text * 10


def test_a_broken_byte_behind_ascii_is_no_mark():
    data = b'{"text": "plain"}\n{"text": "\xff\xfe"}\n' + LINE.encode()
    assert b"".join(as_utf8(iter([data]))) == data
