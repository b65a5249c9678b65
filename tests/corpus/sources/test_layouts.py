"""A file that begins with an object: a record by its own text, an object around records, or one of many lines."""

import json

import pytest

from kun_recipes.corpus.sources.formats import FieldNames, corpus_format
from kun_recipes.data import json_files
from kun_recipes.data.json_files import read_json
from kun_recipes.data.json_lines import Malformed

ITEMS, LONG_ITEMS = [{"a": 1}, {"a": 2}], [{"a": "长" * 50_000}] * 2
TWO = [{"text": "一"}, {"text": "二"}]


def line(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def pretty(**fields: object) -> bytes:
    return json.dumps(fields, indent=2).encode()


RECORDS = [
    ("text before an array", "jsonl", [line(text="文", data=ITEMS)], ["文"]),
    ("text behind an array", "jsonl", [line(data=ITEMS, text="文")], ["文"]),
    ("text behind a long array", "jsonl", [line(data=LONG_ITEMS, text="文")], ["文"]),
    ("title and array before the text", "jsonl", [line(id="0", title="题", items=ITEMS, text="文")], ["文"]),
    ("lines longer than a sample", "jsonl", [line(id=n, items=LONG_ITEMS, text=n) for n in "123"], ["1", "2", "3"]),
    ("WuDao's text", "wudao", [line(items=ITEMS, content="文")], ["文"]),
    ("a question of WanJuan", "wanjuan", [line(items=ITEMS, q_main="问")], ["问"]),
    ("paragraphs", "jsonl", [line(items=ITEMS, 段落=[{"内容": "文"}])], [[{"内容": "文"}]]),
    ("paragraphs first", "jsonl", [line(段落=[{"text": "文"}], 文件名="a")], [[{"text": "文"}]]),
    ("a text that is a list", "jsonl", [line(text=[{"text": "文"}], id=1)], [[{"text": "文"}]]),
    ("a field of one's own", "body", [line(data=ITEMS, body="文")], ["文"]),
    ("one record on several lines", "jsonl", [pretty(id=1, text="文", title="题")], ["文"]),
    ("one on several lines, with an array", "jsonl", [pretty(id=1, data=ITEMS, text="文")], ["文"]),
    ("NaN in the first line", "jsonl", [b'{"data": [{"a": NaN}], "text": "1"}', line(text="2")], ["1", "2"]),
]
AROUND = [
    ("fields before", "jsonl", [line(title="题", id=7, source="甲", data=TWO, count=2)], ["一", "二"]),
    ("an object behind", "jsonl", [line(data=TWO, page={"next": None})], ["一", "二"]),
    ("objects and arrays before", "jsonl", [line(page={"next": None}, columns=["text"], data=TWO)], ["一", "二"]),
    ("a schema of objects before", "jsonl", [line(schema={"fields": [{"name": "text"}]}, data=TWO)], ["一", "二"]),
    ("an array of other objects before", "jsonl", [line(tables=[{"name": "x"}], data=TWO)], ["一", "二"]),
    ("an empty text before", "jsonl", [line(text=None, data=TWO)], ["一", "二"]),
    ("an empty text behind", "jsonl", [line(data=TWO, text="")], ["一", "二"]),
    ("an array of another name", "jsonl", [line(code=0, results=TWO)], ["一", "二"]),
    ("records of one's own field", "body", [line(list=[{"body": "一"}, {"body": "二"}])], ["一", "二"]),
    ("escaped names", "正文", [json.dumps({"清单": [{"正文": "一"}, {"正文": "二"}]}).encode()], ["一", "二"]),
    ("on several lines", "jsonl", [pretty(total=2, data=TWO, page={"next": None})], ["一", "二"]),
    ("a record per line", "jsonl", [b'{"data": [', line(text="一") + b",", line(text="二"), b"]}"], ["一", "二"]),
    ("comma first", "jsonl", [b'{"data": [', line(text="一"), b"," + line(text="二"), b"]}"], ["一", "二"]),
    ("a single record", "jsonl", [b'{"data": [', line(text="一"), b"]}"], ["一"]),
    ("longer than a sample", "jsonl", [line(data=[{"text": "长" * 50_000}] * 2, page={})], ["长" * 50_000] * 2),
]


def read(tmp_path, format: str, data: bytes) -> tuple[list, list[tuple[int, str]]]:
    """Return the texts of a file, and the numbers and reasons of what cannot be read."""
    path = tmp_path / "part.json"
    path.write_bytes(data)
    names = FieldNames() if format in ("jsonl", "wudao", "wanjuan") else FieldNames(text=format)
    known = corpus_format(format if names == FieldNames() else "jsonl", names)
    found = list(known.read(str(path)))
    texts = [
        next((one.value[name] for name in (known.text, "q_main", "段落") if name in one.value), None)
        for one in found
        if not isinstance(one, Malformed)
    ]
    return texts, [(one.number, one.reason) for one in found if isinstance(one, Malformed)]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
@pytest.mark.parametrize(
    ("format", "lines", "texts"),
    [case[1:] for case in RECORDS + AROUND],
    ids=[f"{kind}: {case[0]}" for kind, cases in (("record", RECORDS), ("around", AROUND)) for case in cases],
)
def test_an_object_is_a_record_or_around_records(tmp_path, format, lines, texts, mark):
    assert read(tmp_path, format, mark + b"\n".join(lines) + b"\n") == (texts, [])


BROKEN_FIRST = [
    ("not closed by JSON", b'{"items": [{"a": 1}], "x": oops}'),
    ("cut", b'{"items": [{"a": '),
    ("broken byte", b'{"items": [{"a": "\xff"}]}'),
    ("text before", b'{"text": "x", "items": [{"a": 1}], oops}'),
]


@pytest.mark.parametrize("first", [case[1] for case in BROKEN_FIRST], ids=[case[0] for case in BROKEN_FIRST])
def test_a_broken_first_line_costs_no_other(tmp_path, first):
    others = [line(items=ITEMS, text="1"), line(text="2")]
    texts, problems = read(tmp_path, "jsonl", b"\n".join([first, *others]))
    assert texts == ["1", "2"]
    assert [number for number, _ in problems] == [1]


@pytest.mark.parametrize(
    ("data", "texts", "problems"),
    [
        (b'[{"text": "1"}]\n[{"text": "2"}]\n', ["1", "2"], []),
        (b'[{"text": "1"}]\n\n[{"text": "2"}][{"text": "3"}]', ["1", "2", "3"], []),
        (b'[{"text": "1"}, oops, {"text": "2"}]\n[{"text": "3"}]', ["1", "2", "3"], [(2, "invalid_json")]),
        (b'["1"]\n{"text": "2"}\n{"text": "3"}', ["2", "3"], []),
    ],
    ids=["a line each", "a line of two", "broken", "a list among lines"],
)
def test_arrays_that_are_joined(tmp_path, data, texts, problems):
    found, told = read(tmp_path, "jsonl", data)
    assert ([one for one in found if one is not None], told) == (texts, problems)


def test_records_on_lines_of_a_broken_array_are_read(tmp_path):
    data = b'{"data": [\n' + b",\n".join(line(text=text) for text in "123") + b"\n"
    assert read(tmp_path, "jsonl", data) == (["1", "2", "3"], [(4, "invalid_json")])


@pytest.mark.parametrize(
    ("data", "texts", "problems"),
    [
        (b'{"data": [{"text": "1"}]\n', ["1"], [(2, "invalid_json")]),
        (b'{"data": [{"text": "1"}, {"text": oops}, {"text": "3"}]}', ["1", "3"], [(2, "invalid_json")]),
        (b'{"data": [{"text" oops}, {"text": "2"}]}', ["2"], [(1, "invalid_json")]),
        (b'{"data": [\n{"text": "1"}\n]}\n{"data": [\n{"text": "2"}\n]}', ["1"], [(2, "invalid_json")]),
        (b'{"data": [{"text": "1"}], "page": oops}', ["1"], [(2, "invalid_json")]),
    ],
    ids=["no end", "broken record", "broken first record", "two objects", "broken behind"],
)
def test_damage_between_records_is_reported(tmp_path, data, texts, problems):
    assert read(tmp_path, "jsonl", data) == (texts, problems)


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        (b', "text": "x"}\n', 'has its own "text", which is skipped'),
        (
            b', "text": "x"}\n{"items": []}\n',
            "is broken, or more text follows it; the text after the array is skipped",
        ),
        (b', "text": "x"', "is not closed"),
    ],
)
def test_late_invalid_object_is_reported(tmp_path, monkeypatch, behind, message):
    monkeypatch.setattr(json_files, "MAX_OBJECT_BYTES", 1 << 16)
    path = tmp_path / "part.json"
    path.write_bytes(b'{"items": ' + json.dumps([{"text": "长" * 50_000}] * 2).encode() + behind)
    *records, last = read_json(str(path))
    assert len(records) == 2
    assert (last.number, message in last.message) == (3, True)


def test_an_object_without_text_or_records_is_one_record(tmp_path):
    path = tmp_path / "part.json"
    path.write_bytes(pretty(code=1, message="denied", data=[]))
    [record] = read_json(str(path))
    assert record.value["message"] == "denied"
