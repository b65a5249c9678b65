import gzip
import json
import random
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.corpus.readers import CorpusReader, list_input_files
from kun_recipes.errors import UserError

PACK = {"": bytes, ".gz": gzip.compress, ".zst": lambda data: zstandard.compress(data)}
BOM = b"\xef\xbb\xbf"


class Reading:
    """What a reader made of its inputs: documents, rows of unreadable records, counts."""

    def __init__(self, folder: Path, inputs: list[tuple[str, str]], limit: int | None = None, tasks: int = 1):
        unreadable = folder / "unreadable"
        reader = CorpusReader(inputs, limit, JsonlWriter(str(unreadable), compression=None))
        self.tasks = reader.tasks
        self.by_rank = [list(reader.run(rank=rank, world_size=tasks)) for rank in range(tasks)]
        self.documents = [document for documents in self.by_rank for document in documents]
        self.rows = [json.loads(line) for file in sorted(unreadable.glob("*")) for line in file.open(encoding="utf-8")]
        self.counts = Counter({label: reader.stats[label].total for label in reader.stats.stats})

    @property
    def texts(self) -> list[str]:
        return [document.text for document in self.documents]

    @property
    def problems(self) -> list[tuple[int, str]]:
        return [(row["metadata"]["line"], row["metadata"]["reason"]) for row in self.rows]


def line(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


GOOD = line(content="好的文本。")
LINES = [
    ("one object a line", GOOD + b"\n" + GOOD + b"\n", 2, []),
    ("no newline at the end", GOOD + b"\n" + GOOD, 2, []),
    ("blank lines", b"\n" + GOOD + b"\n  \n\n" + GOOD + b"\n\n\n", 2, []),
    ("CRLF", GOOD + b"\r\n" + GOOD + b"\r\n", 2, []),
    ("byte-order mark", BOM + GOOD + b"\n" + GOOD, 2, []),
    ("line separators in a text", line(content="上\u2028下\u0085完"), 1, []),
    ("escaped NUL in a text", line(content="上\x00下"), 1, []),
    ("no JSON", GOOD + b'\n{"content": \n' + GOOD, 2, [(2, "invalid_json")]),
    ("NUL bytes", GOOD + b"\n\x00\x00\x00\n" + GOOD, 2, [(2, "invalid_json")]),
    ("half a surrogate pair", rb'{"content": "\ud83d"}' + b"\n" + GOOD, 1, [(1, "invalid_json")]),
    ("nesting beyond all measure", b"[" * 5000 + b"]" * 5000 + b"\n" + GOOD, 1, [(1, "invalid_json")]),
    ("record is a list", b"[1, 2]\n" + GOOD, 1, [(1, "wrong_type")]),
    ("text is a number", line(content=3) + b"\n" + GOOD, 1, [(1, "wrong_type")]),
    ("text is null", line(content=None), 0, [(1, "wrong_type")]),
    ("text is missing", line(text="别的") + b"\n" + GOOD, 1, [(1, "missing_field")]),
    ("text is empty", GOOD + b"\n" + line(content=" \u3000\n"), 1, [(2, "empty_text")]),
    ("no UTF-8", GOOD + b'\n{"content": "\xd6\xd0"}\n' + GOOD, 2, [(2, "invalid_utf8")]),
    ("nothing", b"", 0, []),
]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize(("data", "good", "problems"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_lines(tmp_path, suffix, data, good, problems):
    path = tmp_path / f"part.jsonl{suffix}"
    path.write_bytes(PACK[suffix](data))
    reading = Reading(tmp_path, [(str(path), "wanjuan")])
    assert len(reading.documents) == good
    assert reading.problems == problems
    assert [row["id"] for row in reading.rows] == [f"{path}:{number}" for number, _ in problems]
    assert reading.counts["total"] == good + len(problems)
    assert reading.counts["forwarded"] == good
    assert reading.counts["dropped"] == len(problems)
    assert all(reading.counts[f"dropped_{reason}"] == 1 for _, reason in problems)


ARRAYS = [
    ("an array", b"[" + GOOD + b",\n" + GOOD + b"]\n", 2, []),
    ("byte-order mark, CRLF", BOM + b"\r\n[" + GOOD + b",\r\n" + GOOD + b"\r\n]", 2, []),
    ("an empty array", b"[]", 0, []),
    ("broken element", b"[" + GOOD + b', {"content" 3}, ' + GOOD + b"]", 1, [(2, "invalid_json")]),
    ("array without an end", b"[" + GOOD + b"," + GOOD, 2, [(3, "invalid_json")]),
    ("text behind the array", b"[" + GOOD + b"] x", 1, [(2, "invalid_json")]),
    ("nothing", b"", 0, [(1, "invalid_json")]),
    ("JSON lines", GOOD + b"\n" + GOOD, 0, [(1, "wrong_type")]),
    ("elements of the wrong type", b"[3, " + GOOD + b", [" + GOOD + b"]]", 1, [(1, "wrong_type"), (3, "wrong_type")]),
    ("text is missing", b"[{}, " + GOOD + b"]", 1, [(1, "missing_field")]),
    ("text is empty", b'[{"content": ""}, ' + GOOD + b"]", 1, [(1, "empty_text")]),
    ("no UTF-8 in a text", b'[{"content": "\xd6\xd0"}, ' + GOOD + b"]", 1, [(1, "invalid_utf8")]),
    ("no UTF-8 between texts", b"[" + GOOD + b", \xd6\xd0, " + GOOD + b"]", 1, [(2, "invalid_json")]),
]


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize(("data", "good", "problems"), [case[1:] for case in ARRAYS], ids=[case[0] for case in ARRAYS])
def test_arrays(tmp_path, suffix, data, good, problems):
    path = tmp_path / f"part.json{suffix}"
    path.write_bytes(PACK[suffix](data))
    reading = Reading(tmp_path, [(str(path), "wudao")])
    assert len(reading.documents) == good
    assert reading.problems == problems
    assert reading.counts["total"] == good + len(problems)
    assert reading.counts["dropped"] == len(problems)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("format", ["wanjuan", "wudao"])
def test_truncated_archive_gives_what_came_before(tmp_path, suffix, format):
    noise = random.Random(0)
    records = [line(content=f"第{number}段。{noise.randbytes(400).hex()}") for number in range(2000)]
    data = b"\n".join(records) if format == "wanjuan" else b"[" + b",".join(records) + b"]"
    packed = PACK[suffix](data)
    path = tmp_path / f"part.json{suffix}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    reading = Reading(tmp_path, [(str(path), format)])
    assert 500 < len(reading.documents) < 1999
    assert [document.text[:3] for document in reading.documents[:2]] == ["第0段", "第1段"]
    assert reading.problems == [(len(reading.documents) + 1, "truncated_archive")]
    assert "ends early" in reading.rows[0]["metadata"]["value"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize(("packed", "reason"), [(b"", "truncated_archive"), (b"no archive", "corrupt_archive")])
def test_file_that_is_no_archive(tmp_path, suffix, packed, reason):
    (tmp_path / f"a.jsonl{suffix}").write_bytes(packed)
    (tmp_path / f"b.jsonl{suffix}").write_bytes(PACK[suffix](GOOD))
    reading = Reading(tmp_path, [(str(tmp_path), "wanjuan")])
    assert reading.texts == ["好的文本。"]
    assert reading.problems == [(1, reason)]


def test_zstd_file_of_several_frames(tmp_path):
    path = tmp_path / "part.jsonl.zst"
    path.write_bytes(zstandard.compress(GOOD + b"\n") * 3)
    assert len(Reading(tmp_path, [(str(path), "wanjuan")]).documents) == 3


def test_unreadable_row_shows_the_record(tmp_path):
    path = tmp_path / "part.jsonl"
    path.write_bytes(line(body="长" * 1000) + b"\n" + "不是".encode() * 300)
    [missing, invalid] = Reading(tmp_path, [(str(path), "skypile")]).rows
    assert missing["metadata"]["value"] == 'no field "text"'
    assert missing["metadata"]["file_path"] == str(path)
    assert missing["text"].startswith("{'body': '长长")
    assert invalid["text"] == "不是" * 100


@pytest.mark.parametrize(
    ("format", "record", "source", "document_id", "title"),
    [
        ("wudao", {"id": 0, "uniqueKey": "ab12", "title": " 湖 ", "content": "文"}, "wudao", "ab12", "湖"),
        ("wudao", {"id": 0, "content": "文"}, "wudao", "0", None),
        ("wanjuan", {"id": "w-1", "content": "文", "title": ""}, "wanjuan", "w-1", None),
        ("wanjuan", {"id": "", "content": "文", "source": "别处"}, "wanjuan", "sub/part.one.json:1", None),
        ("skypile", {"text": "文"}, "skypile", "sub/part.one.json:1", None),
        ("jsonl", {"text": "文", "id": True, "title": 3}, "part", "sub/part.one.json:1", None),
        ("jsonl", {"text": "文", "id": "x", "source": "my web-site/2"}, "my_web_site_2", "x", None),
        ("jsonl", {"text": "文", "id": "x", "source": "新闻"}, "jsonl", "x", None),
    ],
)
def test_metadata(tmp_path, format, record, source, document_id, title):
    path = tmp_path / "corpus" / "sub" / "part.one.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"[" + line(**record) + b"]" if format == "wudao" else line(**record))
    [document] = Reading(tmp_path, [(str(tmp_path / "corpus"), format)]).documents
    expected = {"source": source, "document_id": document_id, "file_path": str(path)}
    assert document.metadata == expected | ({"title": title} if title else {})
    assert document.text == "文"


@pytest.fixture
def two_corpora(tmp_path) -> list[tuple[str, str]]:
    for corpus in "ab":
        (tmp_path / corpus).mkdir()
        for part in range(3):
            records = [line(text=f"{corpus}{part}{number}") for number in range(4)]
            (tmp_path / corpus / f"{part}.jsonl").write_bytes(b"oops\n" + b"\n".join(records))
    return [(str(tmp_path / "a"), "jsonl"), (str(tmp_path / "b"), "skypile")]


@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
def test_tasks_share_the_files(tmp_path, two_corpora, tasks):
    reading = Reading(tmp_path, two_corpora, tasks=tasks)
    assert reading.tasks == 6
    assert sorted(reading.texts) == [f"{c}{part}{number}" for c in "ab" for part in range(3) for number in range(4)]
    assert {text[:2] for text in Reading(tmp_path, two_corpora, tasks=5).texts} == {"a0", "a1", "a2", "b0", "b1", "b2"}
    assert [document.text for document in reading.by_rank[0]][:4] == ["a00", "a01", "a02", "a03"]


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_limit_does_not_depend_on_tasks(tmp_path, two_corpora, tasks):
    reading = Reading(tmp_path, two_corpora, limit=5, tasks=tasks)
    assert reading.tasks == 2
    assert reading.texts == ["a00", "a01", "a02", "a03", "a10", "b00", "b01", "b02", "b03", "b10"]
    assert reading.counts["dropped_invalid_json"] == 4  # the first lines of the four files that were opened


def test_list_input_files(tmp_path):
    for name in ["b.json", "a/x.jsonl.zst", "a.jsonl.gz", "readme.md", "a/.cache/y.json", "._b.json", "c.txt.gz"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [Path(file.path).relative_to(tmp_path).as_posix() for file in list_input_files(str(tmp_path), "jsonl")]
    assert names == ["a/x.jsonl.zst", "a.jsonl.gz", "b.json"]
    assert [file.path for file in list_input_files(str(tmp_path / "b.json"), "wudao")] == [str(tmp_path / "b.json")]


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("nowhere", "wudao", "nowhere: no such file or folder"),
        ("folder", "wudao", "folder: no corpus file"),
        ("folder/notes.txt", "jsonl", "notes.txt: no corpus file"),
        ("folder", "wudoa", "wudoa: no corpus format; choose one of wudao, wanjuan, skypile, jsonl"),
    ],
)
def test_unusable_input(tmp_path, path, format, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        list_input_files(str(tmp_path / path), format)
    with pytest.raises(UserError, match=message):
        CorpusReader([(str(tmp_path / path), format)], None, JsonlWriter(str(tmp_path / "unreadable")))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_memory_is_flat_in_the_size_of_an_array(tmp_path, suffix):
    path = tmp_path / f"part.json{suffix}"
    with gzip.open(path, "wb", 1) if suffix else path.open("wb") as file:
        file.write(b"[" + line(content="始"))
        for number in range(2500):
            file.write(b",\n" + line(id=number, content="文字" * 3500))
        file.write(b"]")
    reader = CorpusReader([(str(path), "wudao")], None, JsonlWriter(str(tmp_path / "unreadable")))
    tracemalloc.start()
    documents = sum(1 for _ in reader.run())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert documents == 2501
    assert peak < 8e6  # bytes, of an array of 52 MB
