"""Progress bars: shown on a terminal, quiet elsewhere, and read by `recipes/run.py` when it started the process."""

import os
import sys

from tqdm import tqdm

SHOW_PROGRESS = "KUN_RECIPES_PROGRESS"
"""Environment variable by which `recipes/run.py` asks its stages for bars although their stderr is a pipe."""


def is_shown() -> bool:
    """Return whether progress bars are visible: at a terminal, or through `recipes/run.py`."""
    return bool(os.environ.get(SHOW_PROGRESS)) or (sys.__stderr__ is not None and sys.__stderr__.isatty())


def progress_bar(total: int | None, description: str, unit: str = "row", shown: bool = True) -> tqdm:
    """Return a tqdm bar over `total` units; use as a context manager and call `update(n)`.

    Args:
        total: None where it is not known; the bar is a counter then.
        shown: False for a task that runs at the same time as one that draws.
    """
    return tqdm(
        total=total,
        desc=description,
        unit=f" {unit}",
        file=sys.__stderr__,  # sys.stderr is datatrove's log while a pipeline runs: see launch.py
        disable=not (shown and is_shown()),
        dynamic_ncols=True,
        leave=False,
    )
