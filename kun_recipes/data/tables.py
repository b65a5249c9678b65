"""Raw records out of Parquet files, as a stream. Only the columns that are asked for are read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kun_recipes.data.archives import foreign_kind
from kun_recipes.data.files import first_line, open_file
from kun_recipes.data.json_lines import Malformed, Record, readable
from kun_recipes.errors import UserError

if TYPE_CHECKING:
    from pyarrow import RecordBatch
    from pyarrow.parquet import ParquetFile

HEAD_BYTES = 100  # enough to recognise a file that is not a table
ROWS = 256  # read at a time
PAGE_BYTES = 1 << 20  # of a column, read at a time; otherwise all that a row group holds of it


class CorruptFile(Exception):
    """A Parquet file that is damaged; the message says how."""


def read_table(path: str, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Record | Malformed]:
    """Yield the rows of a Parquet file as objects of the named columns. A damaged file is read up to the damage.

    Where a required column is missing, each row is a `Malformed`.
    """
    number = 1
    try:
        with _open_table(path) as table:
            try:
                columns = check_columns(path, table.schema_arrow.names, required, optional)
            except UserError as error:
                rows = range(1, table.metadata.num_rows + 1)
                yield from (Malformed(row, "missing_field", str(error), "") for row in rows)
                return
            for batch in table.iter_batches(ROWS, columns=columns, use_threads=False):
                yield from _records(batch, number)
                number += batch.num_rows
    except CorruptFile as error:
        yield Malformed(number, "corrupt_file", str(error), "")


def check_table(path: str, required: Sequence[str]) -> None:
    """Raise UserError when a column is missing. A damaged file passes: reading it gives a `Malformed`."""
    try:
        with _open_table(path) as table:
            check_columns(path, table.schema_arrow.names, required)
    except CorruptFile:
        pass


@contextmanager
def _open_table(path: str) -> Iterator["ParquetFile"]:
    """Open the Parquet file. Damage that pyarrow reports, now or while reading, becomes CorruptFile."""
    import pyarrow
    import pyarrow.parquet

    with open_file(path) as file:
        try:
            yield pyarrow.parquet.ParquetFile(file, buffer_size=PAGE_BYTES, page_checksum_verification=True)
        except pyarrow.ArrowException as error:
            raise CorruptFile(_damage(path, error)) from error
        except OSError as error:
            if type(error) is not OSError or error.errno is not None:
                raise  # of the disk or the network, not of the bytes: pyarrow's own has no number
            raise CorruptFile(first_line(error)) from error


def _damage(path: str, error: Exception) -> str:
    """Return what is wrong with a file: what it is instead of a table, or what pyarrow says."""
    with open_file(path) as file:
        kind = foreign_kind(file.read(HEAD_BYTES))
    return f"the file is {kind}" if kind and "Parquet" not in kind else first_line(error)


def check_columns(path: str, there: Sequence[str], required: Sequence[str], optional: Sequence[str] = ()) -> list[str]:
    """Return the columns that are read. Raises UserError when a required one is not there."""
    for column in required:
        if column not in there:
            raise UserError(f'{path}: no column "{column}"; the columns are {", ".join(there)}')
    return [*required, *(column for column in optional if column in there and column not in required)]


def _records(batch: "RecordBatch", number: int) -> Iterator[Record | Malformed]:
    """Yield the rows of a batch whose first has this number."""
    names = batch.schema.names
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            yield _record(batch.slice(row, 1), number + row)
    else:
        for row, values in enumerate(zip(*columns, strict=True), number):
            yield Record(row, dict(zip(names, values, strict=True)))


def _record(row: "RecordBatch", number: int) -> Record | Malformed:
    try:
        return Record(number, row.to_pylist()[0])
    except UnicodeDecodeError as error:
        message = f"{error.reason} at byte {error.start}"
        return Malformed(number, "invalid_utf8", message, readable(error.object))
