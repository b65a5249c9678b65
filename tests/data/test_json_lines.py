"""The records of JSON lines in chunks, and what stands for those that cannot be read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kun_recipes.data.json_lines import RAW_BYTES, Malformed, Record, parse_lines, read_lines

BOM = b"\xef\xbb\xbf"


def read(data: bytes, size: int = 1 << 17) -> list[Record | Malformed]:
    return list(parse_lines(data[start : start + size] for start in range(0, len(data), size)))


@given(st.lists(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9))), st.data())
def test_lines_in_any_chunks_parse_as_json_does(values, data):
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n \n"]))
    lines = "".join(json.dumps(value, ensure_ascii=data.draw(st.booleans())) + end for value in values)
    records = read(lines.encode(), data.draw(st.integers(1, 30)))
    assert [record.value for record in records] == values
    assert [record.number for record in records] == list(range(1, len(records) * end.count("\n") + 1, end.count("\n")))


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("line", "reason", "place"),
    [
        (b'{"text": ', "invalid_json", ""),
        (b"{} {}", "invalid_json", ""),
        (BOM + b"{}", "invalid_json", ""),  # in the middle of a file it is an error
        (b"\x00\x00", "invalid_json", ""),
        (b'{"text": "\xe4\xb8"}', "invalid_utf8", " at byte 10 of the line"),
        (b"[" * 5000 + b"]" * 5000, "invalid_json", ""),
    ],
    ids=["no end", "two values", "byte order mark", "NUL bytes", "half a character", "depth"],
)
def test_broken_line_does_not_affect_its_neighbours(line, reason, place, size):
    first, broken, last = read(b'{"a": 1}\n' + line + b"\n[2]", size)
    assert (first, last) == (Record(1, {"a": 1}), Record(3, [2]))
    assert (broken.number, broken.reason) == (2, reason)
    assert broken.message and broken.message.endswith(place)
    assert broken.raw == line[:RAW_BYTES].decode(errors="backslashreplace")


LENIENT = [
    (b'{"a": NaN, "b": [Infinity, -Infinity], "text": "x"}', {"text": "x"}),
    (rb'{"text": "\ud83d"}', {"text": ""}),
    (rb'{"text": "a\ude00b", "\udc00k": ["\ud83dc"]}', {"text": "ab", "k": ["c"]}),
    (rb'{"text": "\ud83d\ude00\ud83d"}', {"text": "😀"}),
    (b'{"text": "\xed\xa0\xbd\xed\xb8\x80"}', {"text": "😀"}),
    (b'{"text": "\xed\xa0\xbdx"}', {"text": "x"}),
    (b'{"text": "a\tb\x00\x0bc"}', {"text": "a\tb\x00\x0bc"}),
]


@pytest.mark.parametrize(("line", "expected"), LENIENT)
def test_json_of_other_writers_is_read(line, expected):
    [record] = read(line)
    assert {key: record.value[key] for key in expected} == expected


def test_empty_archive_is_reported_as_truncated(tmp_path):
    path = tmp_path / "长 名字.jsonl.zst"
    path.write_bytes(b"")
    assert list(read_lines(str(path))) == [Malformed(1, "truncated_archive", "the archive is empty", "")]


def test_a_line_of_50_mb():
    text = "长文" * 9_000_000
    assert read(json.dumps({"text": text}, ensure_ascii=False).encode())[0].value == {"text": text}
