"""Rows between stages: what is written is read again, and a damaged shard stops the stage that reads it."""

import gzip
import json
import math
import re
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard
from datatrove.data import Document

from kun_recipes.data import rows, schema
from kun_recipes.data.rows import (
    AssignShard,
    InputReader,
    RankReader,
    RowReader,
    check_rows,
    list_shards,
    read_rows,
    read_shard,
    removed_writers,
    row_writer,
)
from kun_recipes.errors import UserError
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.rules.ranges import RangeFilter

DOCUMENTS = [
    ("a/1", "第一段。\n“引号”与\u2028行分隔符", {"source": "wudao", "tokens": 3, "title": None, "fit": -0.25}),
    ("a/2", "第二段🙂", {"source": "skypile", "tokens": 700, "nested": {"k": [1, 2]}}),
    ("a/3", "第三段", {"source": "skypile", "tokens": 5}),
]
ROWS = [{"id": id, "text": text, **metadata} for id, text, metadata in DOCUMENTS]


def documents() -> list[Document]:
    return [Document(text=text, id=id, metadata=dict(metadata)) for id, text, metadata in DOCUMENTS]


def write_shard(folder: Path, rows: Iterable[dict], rank: int = 0) -> None:
    with row_writer(folder) as writer:
        for row in rows:
            metadata = {key: value for key, value in row.items() if key not in ("id", "text")}
            writer.write(Document(text=row["text"], id=row["id"], metadata=metadata), rank)


def test_rows_are_read_as_they_were_written(tmp_path):
    run_pipeline([documents(), row_writer(tmp_path / "rows")], tmp_path / "logs", tasks=1)
    assert list_shards(tmp_path / "rows") == ["00000.jsonl.zst"]
    assert list(read_rows(tmp_path / "rows")) == ROWS
    read = list(RowReader(tmp_path / "rows").run())
    assert [(doc.id, doc.text, doc.metadata) for doc in read] == DOCUMENTS


def test_rows_pass_through_a_stage_unchanged(tmp_path):
    write_shard(tmp_path / "in", ROWS[:2], rank=0)
    write_shard(tmp_path / "in", ROWS[2:], rank=1)
    counts = run_pipeline([RowReader(tmp_path / "in"), row_writer(tmp_path / "out")], tmp_path / "logs", tasks=2)
    assert (counts.rows_in, counts.rows_out) == (3, 3)
    assert list_shards(tmp_path / "out") == ["00000.jsonl.zst", "00001.jsonl.zst"]
    assert list(read_shard(tmp_path / "out", "00001.jsonl.zst")) == ROWS[2:]
    assert list(read_rows(tmp_path / "out")) == ROWS


def test_shards_are_read_in_the_order_of_their_names(tmp_path):
    for rank in (10, 2, 0):
        write_shard(tmp_path, [{"id": str(rank), "text": "文"}], rank)
    assert [row["id"] for row in read_rows(tmp_path)] == ["0", "2", "10"]
    assert [doc.id for doc in RowReader(tmp_path).run()] == ["0", "2", "10"]


def test_shard_name_decides_the_file_and_is_not_stored(tmp_path):
    pipeline = [documents(), AssignShard(2), row_writer(tmp_path / "rows", by_shard=True)]
    run_pipeline(pipeline, tmp_path / "logs", tasks=1)
    first, second = list_shards(tmp_path / "rows")
    assert list(read_shard(tmp_path / "rows", first)) == ROWS[:2]
    assert list(read_shard(tmp_path / "rows", second)) == ROWS[2:]


def test_only_one_shard_of_a_task_is_open_at_a_time(tmp_path):
    rows = [Document("文", str(number), metadata={}) for number in range(50)]
    writer = row_writer(tmp_path / "rows", by_shard=True)
    for _ in writer.run(AssignShard(2).run(rows)):
        assert len(writer.output_mg.get_open_files()) == 1
    assert [row["id"] for row in read_rows(tmp_path / "rows")] == [row.id for row in rows]


def test_removed_folders_are_numbered_and_rows_say_why(tmp_path):
    removed = removed_writers(tmp_path / "removed")
    pipeline = [
        documents(),
        RangeFilter("tokens", "too_short", lowest=4, exclusion_writer=removed("short")),
        RangeFilter("tokens", "too_long", highest=600, exclusion_writer=removed("long")),
        row_writer(tmp_path / "rows"),
    ]
    counts = run_pipeline(pipeline, tmp_path / "logs", tasks=1)
    assert counts.removed == {"too_short": 1, "too_long": 1}
    assert sorted(path.name for path in (tmp_path / "removed").iterdir()) == ["01_short", "02_long"]
    assert list(read_rows(tmp_path / "removed" / "01_short")) == [
        {**ROWS[0], schema.REASON: "too_short", schema.VALUE: 3}
    ]
    assert list(read_rows(tmp_path / "removed" / "02_long")) == [
        {**ROWS[1], schema.REASON: "too_long", schema.VALUE: 700}
    ]
    assert [row["id"] for row in read_rows(tmp_path / "rows")] == ["a/3"]


def test_each_stage_numbers_its_own_folders(tmp_path):
    first, second = removed_writers(tmp_path / "a"), removed_writers(tmp_path / "b")
    paths = [writer("x").output_folder.path for writer in (first, second, first)]
    assert paths == [f"{tmp_path}/a/01_x", f"{tmp_path}/b/01_x", f"{tmp_path}/a/02_x"]


GOOD = b'{"id": "1", "text": "\xe6\x96\x87"}\n'
NEEDS = "a row needs `id` and `text`"


def test_a_removed_row_may_have_an_empty_text(tmp_path):
    """A page of which cleaning leaves nothing, or a file of which nothing can be read, must not end the report."""
    row = {"id": "1", "text": "", "reason": "too_short"}
    write_shard(tmp_path, [row])
    assert list(read_rows(tmp_path)) == [row]


BAD_LINES = {
    "no JSON": (GOOD + b"{oops}\n", 2, ".+"),
    "half a line": (GOOD + GOOD + b'{"id": "3", "te', 3, ".+"),
    "no UTF-8": (GOOD + b'{"id": "2", "text": "\xff"}\n', 2, ".+ at byte 21 of the line"),
    "a list": (b"[]\n", 1, NEEDS),
    "a number": (GOOD * 4 + b"3\n", 5, NEEDS),
    "no id": (b'{"text": "x"}\n', 1, NEEDS),
    "no text": (GOOD + b'{"id": "2"}\n', 2, NEEDS),
    "an empty id": (b'{"id": "", "text": "x"}\n', 1, NEEDS),
    "an empty text": (b'{"id": "2", "text": ""}\n', 1, NEEDS),
    "a text that is a number": (b'{"id": "2", "text": 3}\n', 1, NEEDS),
}
PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize(("content", "line", "problem"), BAD_LINES.values(), ids=BAD_LINES)
def test_invalid_line_stops_the_reader(tmp_path, content, line, problem, suffix):
    name = f"00000.jsonl{suffix}"
    (tmp_path / name).write_bytes(PACKED[suffix](content))
    rows = read_rows(tmp_path)
    expected = rf"^{tmp_path}/{name}:{line}: not a row of a finished stage \(({problem})[^)]*\); run the stage that"
    with pytest.raises(UserError, match=expected):
        list(rows)
    with pytest.raises(UserError, match=expected):
        list(RowReader(tmp_path).run())


LONG = b"".join(json.dumps({"id": str(n), "text": f"{n * 7919 % 1000003}" * 9}).encode() + b"\n" for n in range(3000))


@pytest.mark.parametrize(
    ("suffix", "share", "problem"),
    [
        (".zst", 0.0, "the archive is empty"),
        (".zst", 0.001, "the zstd archive ends early"),
        (".zst", 0.5, "the zstd archive ends early"),
        (".zst", 0.999, "the zstd archive ends early"),
        (".gz", 0.0, "the archive is empty"),
        (".gz", 0.5, "the gzip archive ends early"),
        (".gz", 0.999, "the gzip archive ends early"),
    ],
)
def test_truncated_shard_is_an_error(tmp_path, suffix, share, problem):
    packed = PACKED[suffix](LONG)
    path = tmp_path / f"00000.jsonl{suffix}"
    path.write_bytes(packed[: int(share * len(packed))])
    read = []
    with pytest.raises(UserError) as caught:
        read.extend(read_rows(tmp_path))
    assert str(caught.value) == (
        f"{path}:{len(read) + 1}: not a row of a finished stage ({problem}); run the stage that wrote it again"
    )
    assert len(read) < 3000


def test_a_damaged_archive_names_the_file(tmp_path):
    path = tmp_path / "00000.jsonl.zst"
    packed = bytearray(zstandard.compress(LONG))
    packed[len(packed) // 2] ^= 0xFF
    packed[:4] = b"oops"
    path.write_bytes(bytes(packed))
    with pytest.raises(UserError, match=rf"^{path}:1: .*the zstd archive is damaged"):
        list(read_rows(tmp_path))


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir, lambda folder: folder.write_text("")])
def test_folder_without_shards_is_a_user_error(tmp_path, make):
    folder = tmp_path / "rows"
    make(folder)
    message = f"{folder}: no rows; the previous stage did not run, or removed them all (see its removed folder)"
    for read in (list_shards, lambda folder: list(read_rows(folder))):
        with pytest.raises(UserError) as caught:
            read(folder)
        assert str(caught.value) == message


def test_task_reads_the_shard_of_its_rank(tmp_path):
    write_shard(tmp_path, ROWS[:2], rank=0)
    write_shard(tmp_path, ROWS[2:], rank=2)
    read = [[doc.id for doc in RankReader(tmp_path).run(rank=rank, world_size=3)] for rank in range(3)]
    assert read == [["a/1", "a/2"], [], ["a/3"]]


def test_a_damaged_shard_stops_its_task(tmp_path):
    write_shard(tmp_path, ROWS, rank=1)
    shard = tmp_path / "00001.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"00001\.jsonl\.zst:"):
        list(RankReader(tmp_path).run(rank=1))


def test_shards_are_numbered_by_task(tmp_path):
    numbered = AssignShard(2)
    assert [doc.metadata["shard"] for doc in numbered.run(documents(), rank=4)] == ["00000", "00000", "00001"]
    run_pipeline([documents(), numbered, row_writer(tmp_path / "rows", by_shard=True)], tmp_path / "logs", tasks=1)
    assert list_shards(tmp_path / "rows") == ["00000_00000.jsonl.zst", "00000_00001.jsonl.zst"]
    assert list(read_rows(tmp_path / "rows")) == ROWS


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("知乎", "知乎"),
        (" 知乎 ", "知乎"),
        (None, "own"),
        ("", "own"),
        (" \u3000", "own"),
        ("\u200b", "own"),
        (math.nan, "own"),
        (7, "7"),
        (0, "0"),
        (2.5, "2.5"),
    ],
)
def test_the_source_of_own_rows_can_name_a_split(tmp_path, source, name):
    assert own_source(tmp_path, source) == name


@pytest.mark.parametrize("source", ["知乎/问答", "../outside", "a b"])
def test_the_source_of_own_rows_is_no_path(tmp_path, source):
    assert re.fullmatch(r"\w+_[0-9a-f]{8}", own_source(tmp_path, source))


@pytest.mark.parametrize("source", ["知" * 300, "知/" * 300, "s" * 300])
def test_the_source_of_own_rows_can_name_a_file(tmp_path, source):
    names = {own_source(tmp_path, source), own_source(tmp_path, source + "乎")}
    assert len(names) == 2
    assert all(len(name.encode()) < 200 and re.fullmatch(r"\w+", name) for name in names)


@pytest.mark.parametrize("source", [True, ["知乎"], {"name": "知乎"}])
def test_a_source_that_is_no_name_is_refused(tmp_path, source):
    write_lines(tmp_path / "a.jsonl", {"id": "1", "text": "水"}, {"id": "2", "text": "水", "source": source})
    with pytest.raises(UserError, match=r"a\.jsonl:2: the source must be text or a number, not "):
        check_rows(tmp_path)


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [("ab", "a", "b.jsonl:1: duplicate id a, first at {}/a.jsonl:1;"), ("aba", "c", "a.jsonl:3: duplicate id a, ")],
)
def test_an_id_that_repeats_is_refused(tmp_path, first, second, where):
    for name, ids in (("a", first), ("b", second)):
        write_lines(tmp_path / f"{name}.jsonl", *({"id": id, "text": "水"} for id in ids))
    with pytest.raises(UserError) as error:
        check_rows(tmp_path)
    assert where.format(tmp_path) in str(error.value)


def test_different_ids_pass_whatever_their_hashes(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "choice_hash", len)
    write_lines(tmp_path / "a.jsonl", *({"id": id, "text": "水"} for id in ("a", "b", "cd")))
    check_rows(tmp_path)


def test_checking_ids_takes_little_memory(tmp_path):
    write_lines(tmp_path / "a.jsonl", *({"id": f"{n:0100}", "text": "水"} for n in range(20_000)))
    tracemalloc.start()
    check_rows(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6  # bytes, where the ids have 2 MB of characters


def write_lines(path: Path, *found: dict) -> None:
    path.write_text("\n".join(map(json.dumps, found)), encoding="utf-8")


def own_source(folder, source):
    """Return the source that a row of one's own has once it is read."""
    file = folder / "rows.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "正文", "source": source}), encoding="utf-8")
    (document,) = InputReader(str(folder)).run()
    return document.metadata["source"]
