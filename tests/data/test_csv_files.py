"""Rows of CSV files with a header, whatever their encoding and packing; a broken row costs no other."""

import gzip
import io
import zipfile

import pytest

from kun_recipes.data import csv_files
from kun_recipes.data.csv_files import check_csv, read_csv
from kun_recipes.data.json_lines import Malformed, Record
from kun_recipes.errors import UserError

TEXT = "腌好的雪里蕻要在通风的地方放两天，再一层菜一层盐码进缸里。"


def read(tmp_path, data: str | bytes, name: str = "t.csv", **columns) -> tuple[list[tuple], list[tuple[int, str]]]:
    """Return the numbers and texts of the rows, and the numbers and reasons of those that cannot be read."""
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    found = list(read_csv(str(path), **({"required": ["text"], "optional": ["id"]} | columns)))
    rows = [(one.number, one.value["text"]) for one in found if isinstance(one, Record)]
    return rows, [(one.number, one.reason) for one in found if isinstance(one, Malformed)]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ("text,id\n一,1\n二,2\n", [(2, "一"), (3, "二")]),
        ("text,id\r\n一,1\r\n二,2", [(2, "一"), (3, "二")]),
        ("\ufeffid,text\n1,一\n", [(2, "一")]),
        ('\ufeff"text"\n一\n', [(2, "一")]),
        ("id\ttext\n1\t一,二\n", [(2, "一,二")]),
        ("id; text\n1;一\n", [(2, "一")]),
        ('text,id\n"上\n\n下, ""引""",1\n二,2\n', [(2, '上\n\n下, "引"'), (5, "二")]),
        ("\ntext\n\n一\n\n", [(4, "一")]),
        ("text,id\n,\n", [(2, "")]),
        ("text,id\n一\x00,1\n", [(2, "一\x00")]),
        ("text,id\n" + "长" * 300_000 + ",1\n", [(2, "长" * 300_000)]),
        ("text,id\n", []),
    ],
)
def test_rows(tmp_path, data, rows):
    assert read(tmp_path, data) == (rows, [])


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-8-sig"])
def test_encodings(tmp_path, encoding):
    assert read(tmp_path, f"text,id\n{TEXT},1\n".encode(encoding)) == ([(2, TEXT)], [])


def test_archives(tmp_path):
    data = b"text\n1\n2\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.csv", "b.tsv", "c.json"):
            archive.writestr(name, data)
    assert read(tmp_path, gzip.compress(data), "t.csv.gz") == ([(2, "1"), (3, "2")], [])
    assert read(tmp_path, file.getvalue(), "t.zip") == ([(2, "1"), (3, "2"), (5, "1"), (6, "2")], [])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("一", "broken_row"),
        ("一,1,2", "broken_row"),
        ('"一,1', "broken_row"),
        ('一,"1', "broken_row"),
        ('"一"x,1', "broken_row"),
        ("\udcff,1", "invalid_utf8"),
        ('"' + "长" * 3000 + ",1", "broken_row"),
    ],
)
@pytest.mark.parametrize("behind", ["二,2\n三,3\n", '"二",2\n"三",3\n', '"二\n二",2\n三,3\n', "二,2\n三,3"])
def test_a_broken_row_costs_no_other(tmp_path, monkeypatch, broken, reason, behind):
    monkeypatch.setattr(csv_files, "MAX_FIELD", 1000)
    data = f"text,id\n零,0\n{broken}\n{behind}".encode(errors="surrogateescape")
    rows, problems = read(tmp_path, data)
    assert [text.replace("\n", "")[:1] for _, text in rows] == ["零", "二", "三"]
    assert problems == [(3, reason)]


def test_a_truncated_archive_is_read_up_to_its_end(tmp_path):
    packed = gzip.compress(b"text,id\n" + b"".join(b"%d %d,x\n" % (n, n**9) for n in range(5000)))
    rows, problems = read(tmp_path, packed[: len(packed) // 2], "t.csv.gz")
    assert len(rows) > 1000
    assert rows[-1][1] == f"{len(rows) - 1} {(len(rows) - 1) ** 9}"
    assert problems == [(len(rows) + 2, "truncated_archive")]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty_file"), (b"\n\n", "empty_file"), (b"<html>429</html>", "wrong_file")]
)
def test_file_without_rows_is_reported(tmp_path, data, reason):
    assert read(tmp_path, data) == ([], [(1, reason)])
    check_csv(str(tmp_path / "t.csv"), ["text"])


def test_a_missing_column(tmp_path):
    assert read(tmp_path, "content,url\n文,x\n题,y\n") == ([], [(2, "missing_field"), (3, "missing_field")])
    with pytest.raises(UserError, match=r't\.csv: no column "text"; the columns are content, url'):
        check_csv(str(tmp_path / "t.csv"), ["text"])
    check_csv(str(tmp_path / "t.csv"), ["content"])
