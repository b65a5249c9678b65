"""Finished pairs as a dataset that `load_dataset` reads: Parquet, one split per source, as COIG-Kun was released."""

import shutil
from pathlib import Path

from kun_recipes.data.columns import PAIRS, with_round
from kun_recipes.data.folders import put_in_place
from kun_recipes.data.parquet import SplitWriter
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError


def write_dataset(rows: Path, folder: str | Path) -> dict[str, int]:
    """Write the rows of a stage as `<folder>/data/<source>-00000-of-00001.parquet`, and return the rows of each split.

    The folder appears whole or not at all; an earlier one is replaced.

    Raises:
        UserError: no row is left to write.
    """
    if not any(rows.glob("*.jsonl*")):
        raise UserError(
            f"{rows}: no rows left; "
            f"see {rows.parent / 'removed'} for the reasons, and loosen filters that are too strict"
        )
    folder = Path(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    columns = with_round(PAIRS, next(read_rows(rows), None))
    with SplitWriter(partial / "data", columns) as splits:
        for row in read_rows(rows):
            splits.write(row)
    put_in_place(partial, folder, rows=splits.rows)
    return splits.rows
