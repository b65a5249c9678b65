"""Files that are there whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_or_not_at_all(path: Path) -> Iterator[Path]:
    """Yield a path to write to; it replaces `path` when the block ends without an error. Missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    yield partial
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON."""
    with whole_or_not_at_all(path) as partial:
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
