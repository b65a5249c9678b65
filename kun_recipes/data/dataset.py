"""Finished pairs as a dataset that `load_dataset` reads: Parquet, one split per source, as COIG-Kun was released."""

import os
import shutil
from pathlib import Path

from kun_recipes.data.atomic import write_json
from kun_recipes.data.columns import PAIRS
from kun_recipes.data.folders import WRITTEN, discard
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
            f"{rows}: no row is left; read {rows.parent / 'removed'} for the reasons, and loosen what is too strict"
        )
    folder = Path(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "data").mkdir(parents=True)
    with SplitWriter(partial / "data", PAIRS) as splits:
        for row in read_rows(rows):
            splits.write(row)
    files = sorted(path.relative_to(partial).as_posix() for path in partial.rglob("*") if path.is_file())
    write_json(partial / WRITTEN, {"rows": splits.rows, "files": files})
    discard(folder)
    os.replace(partial, folder)
    return splits.rows
