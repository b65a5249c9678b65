"""Nested subsets of the training pairs: 9k ⊂ 26k ⊂ 39k ⊂ 52k ⊂ 100k ⊂ 200k ⊂ 360k (Kun table 3).

The pairs stand in the order of a salted hash of their instruction, and a subset is the beginning of that order. It
depends neither on the order of the files nor on what else is there; by its salt it is independent of the held-out
split.
"""

from collections.abc import Callable, Sequence

from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.pairs import Pair

_SALT = "subset\0"


def in_subset_order(seeds: Sequence[Pair]) -> list[Pair]:
    """The pairs in the order in which subsets take them."""
    return sorted(seeds, key=lambda seed: choice_hash(seed.instruction, _SALT))


def take(
    seeds: Sequence[Pair], rows: int | None, fits: Callable[[Pair], bool] = lambda _: True
) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """The first `rows` pairs that fit, in subset order: (taken, those before them that do not fit, the rest).

    Args:
        rows: None takes all that fit. Where fewer than `rows` fit, the rest is empty.
        fits: asked only as far as needed, because asking may cost more than the pairs that are wanted.
    """
    taken: list[Pair] = []
    unfit: list[Pair] = []
    ordered = in_subset_order(seeds)
    for position, seed in enumerate(ordered):
        if rows is not None and len(taken) == rows:
            return taken, unfit, ordered[position:]
        (taken if fits(seed) else unfit).append(seed)
    return taken, unfit, []
