"""Splits and files that are there to measure a model by, told by their names: nothing is trained on them unasked."""

import re
from collections.abc import Iterable, Mapping

from kun_recipes.errors import UserError, print_once_per_machine

MEASURING = frozenset({"validation", "valid", "dev", "val", "test", "testing", "eval", "evaluation"})
"""Words by which `datasets` itself knows the splits of files."""

_BETWEEN = re.compile(r"[-._ 0-9/]+")


def is_for_measuring(name: str) -> bool:
    """Tell by the name of a split, or the path of a file in a dataset, whether it is a test or validation split."""
    return not MEASURING.isdisjoint(_BETWEEN.split(name.lower()))


def read_unasked(source: str, names: Iterable[str], sizes: Mapping[str, str], how: str) -> list[str]:
    """Return the splits or files of a source that are read where none is named; say on stderr which are left out.

    Args:
        sizes: what to say of each beside its name.
        how: what to do to read the others.

    Raises:
        UserError: there are no others.
    """
    every = list(names)
    kept = [name for name in every if not is_for_measuring(name)]
    left_out = ", ".join(f"{name} ({sizes[name]})" for name in every if name not in kept)
    if every and not kept:
        raise UserError(f"{source}: has nothing but {left_out}, by name for measuring models; {how}")
    if left_out:
        print_once_per_machine(f"{source}: left out {left_out}, by name for measuring models; {how}")
    return kept
