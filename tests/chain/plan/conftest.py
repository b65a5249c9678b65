"""A stage folder as a finished run leaves it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard


@pytest.fixture
def finish() -> Callable[..., Path]:
    """Makes a finished stage whose rows have these values in a column."""

    def make(folder: Path, summary: dict[str, Any], column: str, values: Sequence[Any], removed: bytes = b"") -> Path:
        rows = [{"id": str(number), "text": "文", column: value} for number, value in enumerate(values)]
        for name, content in (("rows", b"\n".join(map(orjson.dumps, rows))), ("removed/01_rule", removed)):
            (folder / name).mkdir(parents=True)
            (folder / name / "00000.jsonl.zst").write_bytes(zstandard.compress(content))
        (folder / "stage.json").write_bytes(orjson.dumps(summary))
        return folder

    return make
