"""Rows of Parquet files: the columns that are asked for, bounded in memory; damage is reported, not raised."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kun_recipes.data.json_lines import Malformed, Record
from kun_recipes.data.tables import ROWS, check_table, read_table
from kun_recipes.errors import UserError

TEXTS = ["甲", None, "乙\u2028", ""]


def write(path: Path, columns: dict, **options: object) -> str:
    pq.write_table(pa.table(columns), path, **options)
    return str(path)


def not_utf8(values: list[bytes]) -> pa.Array:
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


@pytest.mark.parametrize("type", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_rows(tmp_path, type):
    columns = {"id": [1, 2, 3, 4], "text": pa.array(TEXTS, type), "other": [0.5] * 4}
    path = write(tmp_path / "a b 中.parquet", columns)
    assert list(read_table(path, ["text"], ["id", "title"])) == [
        Record(number, {"text": text, "id": number}) for number, text in enumerate(TEXTS, start=1)
    ]


def test_row_numbers_continue_over_batches_and_row_groups(tmp_path):
    path = write(tmp_path / "t.parquet", {"text": [str(row) for row in range(3 * ROWS)]}, row_group_size=ROWS + 7)
    assert list(read_table(path, ["text"])) == [Record(row + 1, {"text": str(row)}) for row in range(3 * ROWS)]


def test_invalid_utf8_value_is_reported(tmp_path):
    path = write(tmp_path / "t.parquet", {"text": not_utf8([b"good", b"\xd6\xd0", b"fine"])})
    good, bad, fine = read_table(path, ["text"])
    assert (good.value, fine.value, fine.number) == ({"text": "good"}, {"text": "fine"}, 3)
    assert (bad.number, bad.reason, bad.raw) == (2, "invalid_utf8", "\\xd6\\xd0")
    assert bad.message.endswith(" at byte 0")


def test_a_missing_column(tmp_path):
    path = write(tmp_path / "t.parquet", {"content": ["文"], "url": ["x"]})
    message = f'{path}: no column "text"; the columns are content, url'
    assert list(read_table(path, ["text"])) == [Malformed(1, "missing_field", message, "")]
    with pytest.raises(UserError) as error:
        check_table(path, ["content", "text"])
    assert str(error.value) == message
    check_table(path, ["content"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "size is 0 bytes"),
        (lambda data: b"no table at all", "magic bytes not found"),
        (lambda data: data[: len(data) // 2], "magic bytes not found"),
        (lambda data: data[:-8] + b"\xff\xff\xff\x00" + data[-4:], "smaller than the size"),
    ],
)
def test_a_damaged_file(tmp_path, spoil, message):
    path = write(tmp_path / "t.parquet", {"text": ["文"] * 100})
    Path(path).write_bytes(spoil(Path(path).read_bytes()))
    [damage] = read_table(path, ["text"])
    assert (damage.number, damage.reason, damage.raw) == (1, "corrupt_file", "")
    assert message in damage.message
    check_table(path, ["text"])


def test_rows_before_the_damage_are_read(tmp_path):
    texts = [random.Random(row).randbytes(2000).hex() for row in range(6 * ROWS)]
    path = write(tmp_path / "t.parquet", {"text": texts}, row_group_size=ROWS, use_dictionary=False)
    data = bytearray(Path(path).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200_000] = bytes(200_000)
    Path(path).write_bytes(data)
    *rows, damage = read_table(path, ["text"])
    assert ROWS <= len(rows) < 4 * ROWS
    assert [row.value["text"] for row in rows] == texts[: len(rows)]
    assert (damage.number, damage.reason) == (len(rows) + 1, "corrupt_file")


def test_memory_is_flat_in_the_size_of_a_row_group(tmp_path):
    text = random.Random(0).randbytes(3000).hex()
    path = write(tmp_path / "t.parquet", {"text": [f"{row}{text}" for row in range(12_000)]}, use_dictionary=False)
    pool = pa.default_memory_pool()
    before = peak = pool.bytes_allocated()
    for _ in read_table(path, ["text"]):
        peak = max(peak, pool.bytes_allocated())
    assert peak - before < 16e6  # bytes, of 72 MB
