"""The finished pairs as a dataset that `load_dataset` reads: Parquet, one split a source, as COIG-Kun was released."""

import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from kun_recipes import schema
from kun_recipes.errors import UserError
from kun_recipes.rows import read_rows
from kun_recipes.stage import discard

SEGMENT = "segment"
"""Published name of a row's `text`, the segment that its answer was polished from, or is."""

_TEXT, _WHOLE, _REAL = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
COLUMNS = pyarrow.schema(
    {
        schema.INSTRUCTION: _TEXT,
        schema.OUTPUT: _TEXT,
        schema.SOURCE: _TEXT,
        schema.ID: _TEXT,
        SEGMENT: _TEXT,
        schema.DOCUMENT_ID: _TEXT,
        schema.TITLE: _TEXT,
        schema.SPAN_START: _WHOLE,
        schema.SPAN_END: _WHOLE,
        schema.TOKENS: _WHOLE,
        schema.MASKED: _TEXT,
        schema.INSTRUCTION_TOKENS: _WHOLE,
        schema.INSTRUCTION_LOGPROB: _REAL,
        schema.INSTRUCTION_PRIOR: _REAL,
        schema.PERPLEXITY: _REAL,
        schema.FIT: _REAL,
        schema.FILTER_LOGODDS: _REAL,
        schema.FILTER_CALIBRATED: _REAL,
        schema.FILTER_PROBABILITY: _REAL,
        schema.SCORE_LOGODDS: _REAL,
        schema.SCORE_CALIBRATED: _REAL,
        schema.SCORE_PROBABILITY: _REAL,
        schema.OUTPUT_TOKENS: _WHOLE,
        schema.OUTPUT_LOGPROB: _REAL,
        schema.LABEL_MODEL: _TEXT,
        schema.LABEL_PROMPT: _TEXT,
        schema.CHAT_MODEL: _TEXT,
        schema.POLISH_PROMPT: _TEXT,
    }
)
"""The pair and its source first, as in COIG-Kun, then the lineage: every figure that decided about the row."""

ROWS_A_GROUP = 1000


def write_dataset(rows: Path, folder: str | Path) -> dict[str, int]:
    """Write the rows of a stage as `<folder>/data/<source>-00000-of-00001.parquet`, and return the rows of each split.

    The folder appears whole or not at all; an earlier one is replaced.

    Raises:
        UserError: no row is left to write.
    """
    if not any(rows.glob("*.jsonl*")):
        raise UserError(
            f"{rows}: no row is left; read {rows.parent / 'removed'} for the reasons, and loosen what is too strict"
        )
    folder = Path(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    writers: dict[str, parquet.ParquetWriter] = {}
    splits: dict[str, int] = {}
    try:
        for batch in _batches(read_rows(rows)):
            for source in sorted({row[schema.SOURCE] for row in batch}):
                table = _table([row for row in batch if row[schema.SOURCE] == source])
                if source not in writers:
                    path = partial / "data" / f"{source}-00000-of-00001.parquet"
                    writers[source] = parquet.ParquetWriter(path, COLUMNS, compression="zstd")
                writers[source].write_table(table)
                splits[source] = splits.get(source, 0) + table.num_rows
    finally:
        for writer in writers.values():
            writer.close()
    discard(folder)
    os.replace(partial, folder)
    return dict(sorted(splits.items()))


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, ROWS_A_GROUP)):
        yield batch


def _table(rows: list[dict[str, Any]]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist([{**row, SEGMENT: row[schema.TEXT]} for row in rows], schema=COLUMNS)
