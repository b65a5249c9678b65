"""The elements of a JSON array in chunks: what json.loads gives, and the readable part of broken ones."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kun_recipes.data.arrays import MAX_BROKEN, parse_array
from kun_recipes.data.json_files import read_json
from kun_recipes.data.json_lines import Malformed, Record

BOM = b"\xef\xbb\xbf"
GOOD = '{"id": 1, "text": "好，[}"}'.encode()
VALUE = json.loads(GOOD)


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(data: bytes, size: int = 1 << 17, **options: int) -> list[object]:
    """Values of the good elements, (reason, message) of the others; their numbers must count up from 1."""
    records = list(parse_array(chunks(data, size), **options))
    assert [record.number for record in records] == list(range(1, len(records) + 1))
    return [record.value if isinstance(record, Record) else (record.reason, record.message) for record in records]


TEXT = st.text(st.sampled_from('"\\{}[],: \n\t中\u2028é\x00a') | st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALAR | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)
LAYOUTS = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 2])})


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=4) | VALUES, max_size=6), LAYOUTS, st.integers(1, 40))
def test_array_in_any_chunks_parses_as_json_does(elements, layout, size):
    data = json.dumps(elements, **layout).encode()
    assert read(data, size) == json.loads(data)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, min_size=4, max_size=8), st.data())
def test_a_missing_character_costs_two_elements_at_most(texts, data):
    elements = [{"id": number, "text": text, "tag": "标"} for number, text in enumerate(texts)]
    damaged = data.draw(st.integers(1, len(texts) - 1))
    raw = [json.dumps(element, ensure_ascii=False) for element in elements]
    position = data.draw(st.integers(0, len(raw[damaged]) - 1))
    raw[damaged] = raw[damaged][:position] + raw[damaged][position + 1 :]
    size = data.draw(st.integers(1, 60))
    records = parse_array(chunks(f"[{', '.join(raw)}]".encode(), size))
    found = [record.value for record in records if not isinstance(record, Malformed)]
    for number, element in enumerate(elements):
        assert element in found or number in (damaged, damaged + 1)


CASES = [
    ("nothing", b"", [("invalid_json", "the file is empty")]),
    ("blanks", b" \n", [("invalid_json", "the file is empty")]),
    ("only a byte-order mark", BOM, [("invalid_json", "the file is empty")]),
    ("an empty array", b"[]", []),
    ("an empty array among blanks", BOM + b"\r\n[ \r\n]\r\n", []),
    ("byte-order mark, CRLF", BOM + b"[" + GOOD + b",\r\n" + GOOD + b"\r\n]\r\n", [VALUE, VALUE]),
    ("no end", b"[" + GOOD + b",\n", [VALUE, ("invalid_json", "the array is not closed")]),
    ("no end, not even a comma", b"[" + GOOD + b"\n", [VALUE, ("invalid_json", "the array is not closed")]),
    ("cut in an element", b"[" + GOOD + b"," + GOOD[:12], [VALUE, ("invalid_json", "the array is not closed")]),
    ("text behind the end", b"[" + GOOD + b"] x", [VALUE, ("invalid_json", "text after the end of the array")]),
    ("two arrays", b"[" + GOOD + b"]\n[" + GOOD + b"]", [VALUE, VALUE]),
    ("a comma behind the last", b"[" + GOOD + b" , ]", [VALUE]),
    ("elements that are no objects", b'["{}", 3, [[]], ' + GOOD + b"]", ["{}", 3, [[]], VALUE]),
]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_elements_and_errors_of_broken_arrays(data, expected, size):
    assert read(data, size) == expected


BROKEN = [
    ("a missing colon", b'{"id" 3}', "invalid_json", 2),
    ("no UTF-8 in a text", b'{"id": 1, "text": "\xd6\xd0"}', "invalid_utf8", 2),
    ("no UTF-8 between elements", b"\xd6\xd0", "invalid_utf8", 2),
    ("nothing between commas", b"", "invalid_json", 2),
    ("a stray quote", b'{"id": 1, "text": "a " b"}', "invalid_json", 2),
    ("stray quotes", b'{"id": 1, "text": "a "b" c"}', "invalid_json", 2),
    ("a bracket that does not close", b'{"id": 1, "text": [1}', "invalid_json", 2),
    ("a bracket too many", b'{"id": 1, "text": 1]}', "invalid_json", 2),
    ("no closing brace: the next one is lost too", b'{"id": 1, "text": 1', "invalid_json", 1),
]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("raw", "reason", "good"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_elements_after_a_broken_one_are_read(raw, reason, good, size):
    for end in (b"]", b""):
        found = read(b"[" + b",".join([GOOD, raw, GOOD, GOOD]) + end, size)
        assert found[0] == VALUE
        assert found[1][0] == reason
        assert found[2 : 2 + good] == [VALUE] * good
        assert found[2 + good :] == ([] if end else [("invalid_json", "the array is not closed")])


@pytest.mark.parametrize("size", [1, 1000])
def test_json_lines_are_no_array(size):
    [(reason, message)] = read(GOOD + b"\n" + GOOD, size)
    assert reason == "wrong_type"
    assert message == "the file is not a JSON array"


def test_reading_stops_after_too_many_broken_elements():
    found = read(b"[" + b"x," * 1000 + GOOD + b"]")
    assert [reason for reason, _ in found] == ["invalid_json"] * (MAX_BROKEN + 1)
    assert found[-1][1] == "100 broken elements in a row; the rest of the file is skipped"


def test_element_without_an_end_is_limited_in_size():
    endless = b'[{"id": 1, "text": "' + b"x" * 5000
    assert read(endless, 100, max_element=2048) == [
        ("invalid_json", "an element does not end within 0.00195312 MiB; the rest of the file is skipped")
    ]
    found = read(b"[" + GOOD + b',{"id": 1, "text": "x},' + b",".join([GOOD] * 200) + b"]", 100, max_element=2048)
    assert found == [VALUE, ("invalid_json", "the element is not closed"), *[VALUE] * 200]


@pytest.mark.slow
def test_an_element_of_50_mb_in_small_chunks():
    text = '长"\\{' * 7_000_000
    data = json.dumps([{"id": 1, "text": text}, VALUE], ensure_ascii=False).encode()
    assert len(data) > 50e6
    assert read(data) == [{"id": 1, "text": text}, VALUE]


@pytest.mark.parametrize(
    "lines",
    [
        ['{"id":"0","title":"题","items":[{"a":"' + "长" * 30000 + '"}],"text":"正文"}'] * 3,
        ['{"id":"1","text":"正文一段","data":[{"a":1},{"a":2}]}'],
        ['{"id":7,"data":[{"a":1}],"text":"正文"}'],
    ],
    ids=["long lines", "text before the array", "text behind the array"],
)
def test_a_record_that_holds_an_array_is_a_record(tmp_path, lines):
    file = tmp_path / "part.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    records = list(read_json(str(file)))
    assert [record.value for record in records] == [json.loads(line) for line in lines]


def test_object_may_have_fields_beside_the_array(tmp_path):
    file = tmp_path / "table.json"
    file.write_text('{"code": 200, "rows": [{"text": "甲"}, {"text": "乙"}], "total": 2}', encoding="utf-8")
    assert [record.value["text"] for record in read_json(str(file))] == ["甲", "乙"]
