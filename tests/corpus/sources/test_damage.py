"""Each kind of damage, in each format, in the first, middle and last of three files: all else is read, and the stage's
report can be made. `python -m tests.corpus.sources.test_damage` prints the table.
"""

import gzip
import io
import json
import lzma
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from kun_recipes.corpus.losses import check_kept, check_readable
from kun_recipes.corpus.sources.formats import USUAL_NAMES
from kun_recipes.corpus.sources.readers import CorpusReader
from kun_recipes.data.rows import removed_writers, row_writer
from kun_recipes.errors import UserError
from kun_recipes.execution.launch import run_pipeline
from kun_recipes.reporting.corpus import DescribeRows, merge_tallies

pytestmark = pytest.mark.slow  # for their number

RECORDS = 4
TEXT = "腌好的雪里蕻要在通风的地方放两天{}，再一层菜一层盐码进缸里。"

TRADITIONAL = "臺灣的繁體中文網頁，產品規格與說明書請參閱後續內容，並應妥善保管。"


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part.jsonl", data)
    return file.getvalue()


PACK = {
    "gz": gzip.compress, "zst": zstandard.compress, "xz": lzma.compress, "zip": zipped,
    "json": bytes, "jsonl": bytes, "csv": bytes,
}  # fmt: skip


class Layout(NamedTuple):
    """A format, the name of its text's field, whether a file is an array, and the suffix of its files."""

    format: str
    field: str
    is_array: bool
    suffix: str

    def texts(self, *texts: object) -> bytes:
        """Return a file of records that have these texts."""
        records = [
            json.dumps({self.field: text, "score": 1, "n": number}, ensure_ascii=False).encode()
            for number, text in enumerate(texts)
        ]
        return b"[" + b",\n".join(records) + b"]" if self.is_array else b"\n".join(records) + b"\n"

    def good(self) -> bytes:
        if self.format == "csv":
            return "".join(["n,text\n", *(f"{n},{TEXT.format(n)}\n" for n in range(RECORDS))]).encode()
        return self.texts(*map(TEXT.format, range(RECORDS)))

    def pack(self, data: bytes) -> bytes:
        return PACK[self.suffix.rpartition(".")[2]](data)


LAYOUTS = [
    Layout("wudao", "content", True, ".json"),
    Layout("wudao", "content", True, ".json.gz"),
    Layout("wanjuan", "content", False, ".jsonl.gz"),
    Layout("skypile", "text", False, ".jsonl.zst"),
    Layout("jsonl", "text", False, ".jsonl"),
    Layout("jsonl", "text", True, ".jsonl"),
    Layout("jsonl", "text", False, ".zip"),
]
HTML, POINTER = b"<html>429 Too Many Requests</html>\n", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


class Damage(NamedTuple):
    """What is done to the unpacked bytes of a file; how many records are read all the same; what is reported."""

    make: Callable[[bytes, Layout], bytes]
    read: int
    removed: dict[str, int]


def replaced(old: str, new: str | bytes) -> Callable[[bytes, Layout], bytes]:
    return lambda data, _: data.replace(old.encode(), new.encode() if isinstance(new, str) else new, 1)


def encoded(encoding: str) -> Callable[[bytes, Layout], bytes]:
    return lambda data, _: data.decode().encode(encoding)


def in_object(before: str, behind: str) -> Callable[[bytes, Layout], bytes]:
    return lambda data, layout: before.encode() + data + behind.encode() if layout.is_array else data


def texts(*changed: object) -> Callable[[bytes, Layout], bytes]:
    return lambda _, layout: layout.texts(TEXT.format(0), *changed, TEXT.format(3))


DAMAGES = {
    "no damage": Damage(lambda data, _: data, 4, {}),
    "empty": Damage(lambda *_: b"", 0, {"empty_file": 1}),
    "blank": Damage(lambda *_: b"\n \n", 0, {"empty_file": 1}),
    "HTML page": Damage(lambda *_: HTML, 0, {"wrong_file": 1}),
    "Git LFS pointer": Damage(lambda *_: POINTER, 0, {"wrong_file": 1}),
    "noise": Damage(lambda *_: b"\x90\xff\x80" * 99, 0, {"invalid_utf8": 1}),
    "GBK": Damage(encoded("gbk"), 4, {}),
    "GB18030": Damage(encoded("gb18030"), 4, {}),
    "GBK behind ASCII": Damage(
        lambda data, _: data.replace(b'{"', b'{"image": "' + b"QUJD" * 30_000 + b'", "', 1).decode().encode("gbk"),
        4,
        {},
    ),
    "traditional GBK": Damage(lambda _, layout: layout.texts(*[TRADITIONAL] * 4).decode().encode("gbk"), 4, {}),
    "UTF-16": Damage(encoded("utf-16"), 4, {}),
    "UTF-16 without mark": Damage(encoded("utf-16-le"), 4, {}),
    "byte-order mark": Damage(encoded("utf-8-sig"), 4, {}),
    "NaN in another field": Damage(replaced('"score": 1', '"score": NaN'), 4, {}),
    "half an emoji": Damage(replaced("两天1", r"两天\ud83d"), 4, {}),
    "raw tab": Damage(replaced("两天1", "两\t天"), 4, {}),
    "raw NUL": Damage(replaced("两天1", "两天\x00"), 4, {}),
    "broken record": Damage(replaced('"n": 1', '"n" 1'), 3, {"invalid_json": 1}),
    "broken byte": Damage(replaced("两天1", b"\xff"), 3, {"invalid_utf8": 1}),
    "comma behind the last": Damage(lambda data, layout: data[:-1] + b",]" if layout.is_array else data, 4, {}),
    "no end": Damage(
        lambda data, layout: data[:-1] if layout.is_array else data[:-4] + b"\n",
        4,
        {"invalid_json": 1},
    ),
    "two files joined": Damage(
        lambda _, layout: b"\n".join([layout.texts(*map(TEXT.format, pair)) for pair in ((0, 1), (2, 3))]), 4, {}
    ),
    "in an object": Damage(in_object('{"RECORDS": ', "}"), 4, {}),
    "in an object with fields": Damage(in_object('{"title": "题", "page": {"n": 1}, "list": ', ', "k": []}'), 4, {}),
    "in an object without end": Damage(in_object('{"data": ', ""), 4, {"invalid_json": 1}),
    "an array in each record": Damage(lambda data, _: data.replace(b'{"', b'{"items": [{"a": 1}], "'), 4, {}),
    "a long array in a record": Damage(replaced('{"', '{"data": [{"a": "' + "长" * 30_000 + '"}], "'), 4, {}),
    "broken array in a record": Damage(replaced('{"', '{"items": [{"a": oops}], "'), 3, {"invalid_json": 1}),
    "one empty text": Damage(texts("", TEXT.format(2)), 3, {"empty_text": 1}),
    "text is a number": Damage(texts(7, TEXT.format(2)), 3, {"wrong_type": 1}),
    "text is null": Damage(texts(None, TEXT.format(2)), 3, {"wrong_type": 1}),
    "text is a list": Damage(texts([TEXT.format(1), "二"], TEXT.format(2)), 4, {}),
    "list in a string": Damage(texts(repr([[TEXT.format(1)], ["二"]]), TEXT.format(2)), 4, {}),
    "another field": Damage(
        lambda data, layout: data.replace(layout.field.encode(), b"body"), 0, {"missing_field": 4}
    ),
}
PACKED_DAMAGES = {
    "cut archive": Damage(lambda data, layout: layout.pack(data)[: len(layout.pack(data)) // 2], 0, {"archive": 1}),
    "HTML page for an archive": Damage(lambda *_: HTML, 0, {"archive": 1}),
    "plain for an archive": Damage(lambda data, _: data, 4, {}),
    "gzip for another": Damage(lambda data, _: gzip.compress(data), 4, {}),
    "nothing for an archive": Damage(lambda *_: b"", 0, {"archive": 1}),
}
TABLES = {
    "no damage": (lambda data: data, 4, {}),
    "empty": (lambda _: b"", 0, {"corrupt_file": 1}),
    "HTML page": (lambda _: HTML, 0, {"corrupt_file": 1}),
    "Git LFS pointer": (lambda _: POINTER, 0, {"corrupt_file": 1}),
    "cut": (lambda data: data[: len(data) // 2], 0, {"corrupt_file": 1}),
    "another field": (lambda _: table({"body": ["一", "二"]}), 0, {"missing_field": 2}),
    "text is null": (lambda _: table({"text": [TEXT, None]}), 1, {"wrong_type": 1}),
    "one empty text": (lambda _: table({"text": [TEXT, " "]}), 1, {"empty_text": 1}),
    "text is a list": (lambda _: table({"text": [[TEXT, "二"]]}), 1, {}),
}
CSV = {
    "no damage": (lambda data: data, 4, {}),
    "empty": (lambda _: b"", 0, {"empty_file": 1}),
    "HTML page": (lambda _: HTML, 0, {"wrong_file": 1}),
    "GBK": (lambda data: data.decode().encode("gbk"), 4, {}),
    "UTF-16": (lambda data: data.decode().encode("utf-16"), 4, {}),
    "byte-order mark": (lambda data: data.decode().encode("utf-8-sig"), 4, {}),
    "broken byte": (lambda data: data.replace("两天1".encode(), b"\xff"), 3, {"invalid_utf8": 1}),
    "broken record": (lambda data: data.replace(b"1,", b'1,"', 1), 3, {"broken_row": 1}),
    "a field too many": (lambda data: data.replace(b"2,", b"2,,", 1), 3, {"broken_row": 1}),
    "tabs": (lambda data: data.replace(b",", b"\t"), 4, {}),
    "one empty text": (lambda data: data + b"5, \n", 4, {"empty_text": 1}),
    "list in a string": (lambda data: data + b"5,\"['a', 'b']\"\n", 5, {}),
    "another field": (lambda data: data.replace(b"text", b"body", 1), 0, {"missing_field": 4}),
}


def table(columns: dict[str, list]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def read(folder: Path, files: list[bytes], format: str, suffix: str) -> tuple[int, Counter]:
    """Read files as the stage does, up to its report; return the number of rows, and of removed ones by reason."""
    (folder / "in").mkdir()
    for number, data in enumerate(files):
        (folder / "in" / f"part-{number}{suffix}").write_bytes(data)
    removed = removed_writers(folder / "removed")
    reader = CorpusReader([(str(folder / "in"), format, USUAL_NAMES)], None, removed("unreadable"))
    counts = run_pipeline([reader, row_writer(folder / "rows")], folder / "logs", reader.tasks)
    counts.check("reading")
    check_readable(reader.ranks, folder / "logs", folder / "removed" / "01_unreadable", max_share=0.5)
    check_kept(reader.ranks, folder / "logs", folder / "report.html")
    for rank in range(reader.tasks):
        DescribeRows(folder / "removed", folder / "rows", folder / "tallies").run(rank=rank)
    tallies = merge_tallies(folder / "tallies").get("01_unreadable", {})
    assert {reason: tally.rows for reason, tally in tallies.items()} == counts.removed
    return counts.rows_out, counts.removed


def cases() -> list[tuple[str, Layout, bytes, int, dict[str, int]]]:
    found = []
    for layout in LAYOUTS:
        for name, damage in DAMAGES.items():
            data, read_all_the_same = damage.make(layout.good(), layout), damage.read
            if data == layout.good() and name != "no damage":
                continue  # this layout cannot have it
            if name == "no end" and not layout.is_array:
                read_all_the_same -= 1
            found.append((name, layout, layout.pack(data), read_all_the_same, damage.removed))
        for name, damage in PACKED_DAMAGES.items() if layout.suffix.endswith((".gz", ".zst", ".xz")) else ():
            found.append((name, layout, damage.make(layout.good(), layout), damage.read, damage.removed))
    for name, (make, rows, removed) in TABLES.items():
        good = table({"text": list(map(TEXT.format, range(RECORDS)))})
        found.append((name, Layout("parquet", "text", False, ".parquet"), make(good), rows, removed))
    for name, (make, rows, removed) in CSV.items():
        layout = Layout("csv", "text", False, ".csv")
        found.append((name, layout, make(layout.good()), rows, removed))
    return found


@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    ("name", "layout", "data", "records", "removed"),
    [
        pytest.param(*case, id=f"{case[0]}-{case[1].format}{'-array' * case[1].is_array}{case[1].suffix}")
        for case in cases()
    ],
)
def test_damage_costs_no_other_record(tmp_path, name, layout, data, records, removed, position):
    is_table = layout.suffix == ".parquet"
    good = table({"text": list(map(TEXT.format, range(RECORDS)))}) if is_table else layout.pack(layout.good())
    files = [good, good, good]
    files[position] = data
    rows, found = read(tmp_path, files, layout.format, layout.suffix)
    assert rows == 2 * RECORDS + records
    assert {reason.removeprefix("truncated_").removeprefix("corrupt_") if "archive" in removed else reason: count
            for reason, count in found.items()} == removed  # fmt: skip


REFUSED = [
    (
        "HTML page",
        [HTML],
        "jsonl",
        ".jsonl",
        "1 of 1 records cannot be read (wrong_file)",
        "part-0.jsonl:1: the file is an HTML",
    ),
    (
        "wrong field",
        [b'{"content": "x"}\n' * 3],
        "jsonl",
        ".jsonl",
        "3 of 3 records cannot be read (missing_field)",
        "text_field",
    ),
    ("noise", [b'{"text": "\x90\xff\x80\xfe"}\n' * 3], "jsonl", ".jsonl", "(invalid_utf8)", "iconv"),
    (
        "tar without JSON",
        [zipped(b"").replace(b"part.jsonl", b"part.image")],
        "jsonl",
        ".zip",
        "(wrong_file)",
        "part.image",
    ),
    ("nothing", [b""], "wudao", ".json", "(empty_file)", "the file is empty"),
    ("empty texts", [b'{"text": ""}\n'], "jsonl", ".jsonl", "none of its 1 records is kept", "empty_text 1"),
]


@pytest.mark.parametrize(
    ("files", "format", "suffix", "problem", "detail"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_corpus_that_is_lost_is_an_error(tmp_path, files, format, suffix, problem, detail):
    with pytest.raises(UserError) as error:
        read(tmp_path, files, format, suffix)
    assert str(error.value).startswith(f"{tmp_path}/in: ")
    assert problem in str(error.value) and detail in str(error.value)
    assert "\n" not in str(error.value)


if __name__ == "__main__":
    from rich.console import Console
    from rich.table import Table

    formats = list(dict.fromkeys(f"{c[1].format} {'array ' * c[1].is_array}{c[1].suffix}" for c in cases()))
    page = Table("damage", *formats, title="records read of 4, and what is reported of the others")
    cells = {(c[0], f"{c[1].format} {'array ' * c[1].is_array}{c[1].suffix}"): c for c in cases()}
    for kind in dict.fromkeys(chain(DAMAGES, PACKED_DAMAGES, TABLES, CSV)):
        row = [cells.get((kind, format)) for format in formats]
        page.add_row(kind, *(f"{c[3]} {' '.join(c[4])}" if c else "–" for c in row))
    Console(width=220).print(page)
