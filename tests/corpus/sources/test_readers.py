import gzip
import json
import os
import pickle
import random
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from datatrove.pipeline.writers.jsonl import JsonlWriter

from kun_recipes.corpus.sources.formats import USUAL_NAMES, FieldNames
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.errors import UserError
from kun_recipes.progress import SHOW_PROGRESS

PACK = {"": bytes, ".gz": gzip.compress, ".zst": lambda data: zstandard.compress(data)}
BOM = b"\xef\xbb\xbf"


class Reading:
    """What a reader made of its inputs: documents, rows of unreadable records, counts."""

    def __init__(
        self,
        folder: Path,
        inputs: list[tuple[str, str]],
        limit: int | None = None,
        tasks: int = 1,
        fields: FieldNames = USUAL_NAMES,
    ):
        unreadable = folder / "unreadable"
        inputs = [(path, format, fields) for path, format in inputs]
        reader = CorpusReader(inputs, limit, JsonlWriter(str(unreadable), compression=None))
        reader = pickle.loads(pickle.dumps(reader))  # as it comes to a worker process
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
    ("half a surrogate pair", rb'{"content": "\ud83d"}' + b"\n" + GOOD, 1, [(1, "empty_text")]),
    ("nesting beyond all measure", b"[" * 5000 + b"]" * 5000 + b"\n" + GOOD, 1, [(1, "invalid_json")]),
    ("record is a list", b"[1, 2]\n" + GOOD, 1, [(1, "wrong_type")]),
    ("text is a number", line(content=3) + b"\n" + GOOD, 1, [(1, "wrong_type")]),
    ("text is null", line(content=None), 0, [(1, "wrong_type")]),
    ("text is missing", line(text="别的") + b"\n" + GOOD, 1, [(1, "missing_field")]),
    ("text is empty", GOOD + b"\n" + line(content=" \u3000\n"), 1, [(2, "empty_text")]),
    ("no UTF-8", GOOD + b'\n{"content": "\xd6\xd0"}\n' + GOOD, 2, [(2, "invalid_utf8")]),
    ("nothing", b"", 0, [(1, "empty_file")]),
    ("blank lines alone", b"\n \n", 0, [(1, "empty_file")]),
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
    ("broken element", b"[" + GOOD + b', {"content" 3}, ' + GOOD + b"]", 2, [(2, "invalid_json")]),
    ("array without an end", b"[" + GOOD + b"," + GOOD, 2, [(3, "invalid_json")]),
    ("nothing", b"", 0, [(1, "empty_file")]),
    ("JSON lines", GOOD + b"\n" + GOOD, 2, []),
    (
        "elements of the wrong type",
        b'["x", ' + GOOD + b", [" + GOOD + b"]]",
        1,
        [(1, "wrong_type"), (3, "wrong_type")],
    ),
    ("text is missing", b"[{}, " + GOOD + b"]", 1, [(1, "missing_field")]),
    ("text is empty", b'[{"content": ""}, ' + GOOD + b"]", 1, [(1, "empty_text")]),
    ("no UTF-8 in a text", b'[{"content": "\xd6\xd0"}, ' + GOOD + b"]", 1, [(1, "invalid_utf8")]),
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
def test_rows_before_the_end_of_a_truncated_archive_are_read(tmp_path, suffix, format):
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
def test_file_that_is_not_an_archive_is_reported(tmp_path, suffix, packed, reason):
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
    assert missing["metadata"]["value"] == 'no field "text"; the fields are body'
    assert missing["metadata"]["file_path"] == str(path)
    assert missing["text"].startswith("{'body': '长长")
    assert invalid["text"] == "不是" * 100


def test_ids_do_not_change_when_the_corpus_moves(tmp_path):
    texts = {"a b/甲.jsonl": "一", "c.json": "二"}
    ids = []
    for corpus in ("here", "there/again"):
        for name, text in texts.items():
            (tmp_path / corpus / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / corpus / name).write_bytes(line(text=text))
        for path in (tmp_path / corpus, tmp_path / corpus / "**" / "*.json*"):
            documents = Reading(tmp_path, [(str(path), "jsonl")]).documents
            assert [document.metadata["file_path"] for document in documents] == [
                str(tmp_path / corpus / name) for name in texts
            ]
            ids.append([document.id for document in documents])
    assert ids == [["甲/a b/甲.jsonl:1", "c/c.json:1"]] * 4


def test_field_names_apply_to_tables_and_lines(tmp_path):
    fields = FieldNames(text="body", id="url")
    rows = [{"body": "一", "url": "u1"}, {"body": None, "url": "u2"}, {"body": "三", "url": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for format in ("parquet", "jsonl"):
        path = str(tmp_path / f"t.{format}")
        reading = Reading(tmp_path / format, [(path, format)], fields=fields)
        assert [document.id for document in reading.documents] == ["t/u1", f"t/t.{format}:3"]
        assert reading.problems == [(2, "wrong_type")]
        assert reading.counts["bytes"] == 6


def test_a_corrupt_table_among_good_ones(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"text": ["文"]}), tmp_path / "in" / "1.parquet")
    reading = Reading(tmp_path, [(str(tmp_path / "in"), "parquet")])
    assert (reading.texts, reading.problems) == (["文"], [(1, "corrupt_file")])


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


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("nowhere", "wudao", "nowhere: no such file or folder"),
        ("folder/notes.txt", "jsonl", "notes.txt: no corpus file"),
        ("folder", "wudoa", "wudoa: unknown corpus format; choose one of wudao, wanjuan, skypile, jsonl, csv"),
        ("folder/a.jsonl", "parquet", r"a.jsonl: no corpus file; names of files in this format end in \.parquet"),
        ("folder/b.parquet", "jsonl", "b.parquet: no corpus file; names of files in this format end in .json, "),
        ("folder", "parquet", 'b.parquet: no column "text"; the columns are content'),
    ],
)
def test_unusable_input(tmp_path, path, format, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "folder" / "a.jsonl").write_bytes(GOOD)
    pq.write_table(pa.table({"content": ["文"]}), tmp_path / "folder" / "b.parquet")
    with pytest.raises(UserError, match=message):
        CorpusReader([(str(tmp_path / path), format, USUAL_NAMES)], None, JsonlWriter(str(tmp_path / "unreadable")))


@pytest.mark.parametrize(("rank", "shown"), [(0, True), (1, False)])
def test_progress_is_drawn_once(tmp_path, rank, shown):
    """In the processes of a pool only the first task draws."""
    for part in range(2):
        (tmp_path / f"{part}.jsonl").write_bytes(line(text="文"))
    script = f"""
import multiprocess
from datatrove.pipeline.writers.jsonl import JsonlWriter
from kun_recipes.corpus.sources.formats import USUAL_NAMES
from kun_recipes.corpus.sources.readers import CorpusReader

def read(rank):
    inputs = [({str(tmp_path)!r}, "jsonl", USUAL_NAMES)]
    list(CorpusReader(inputs, None, JsonlWriter({str(tmp_path / "bad")!r})).run(None, rank, 2))

worker = multiprocess.get_context("fork").Process(target=read, args=({rank},))
worker.start()
worker.join()
"""
    environment = os.environ | {SHOW_PROGRESS: "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ("read: " in done.stderr) == shown
    assert (" document" in done.stderr) == shown


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_memory_is_flat_in_the_size_of_an_array(tmp_path, suffix):
    path = tmp_path / f"part.json{suffix}"
    with gzip.open(path, "wb", 1) if suffix else path.open("wb") as file:
        file.write(b"[" + line(content="始"))
        for number in range(2500):
            file.write(b",\n" + line(id=number, content="文字" * 3500))
        file.write(b"]")
    reader = CorpusReader([(str(path), "wudao", USUAL_NAMES)], None, JsonlWriter(str(tmp_path / "unreadable")))
    tracemalloc.start()
    documents = sum(1 for _ in reader.run())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert documents == 2501
    assert peak < 8e6  # bytes, of an array of 52 MB
