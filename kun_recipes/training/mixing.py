"""The pairs of a training: nested subsets, and other instruction sets mixed in, such as COIG or BELLE (Kun table 3).

The subsets 9k ⊂ 26k ⊂ 39k ⊂ 52k ⊂ 100k ⊂ 200k ⊂ 360k are beginnings of one order: that of a salted hash of the
instruction. It depends neither on the order of the files nor on the other pairs, and the salt makes it independent of
the held-out split.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kun_recipes.data.hashing import choice_hash
from kun_recipes.data.pairs import Pair, Removed, load_pairs
from kun_recipes.training.mixture import DatasetMixture

_SALT = "subset\0"


@dataclass(frozen=True)
class MixedSet:
    """The pairs of one set that are trained on, and its rows that are not."""

    source: str
    pairs: list[Pair]
    removed: list[Removed]

    def counts(self) -> dict[str, Any]:
        """Return {source, rows_in, rows_kept, removed: rows by reason}."""
        return {
            "source": self.source,
            "rows_in": len(self.pairs) + len(self.removed),
            "rows_kept": len(self.pairs),
            "removed": dict(Counter(row.reason for row in self.removed)),
        }


def load_mix(
    mixture: DatasetMixture | None, own: Collection[Pair], trained: int, fault: Callable[[Pair], str | None]
) -> list[MixedSet]:
    """Read the sets of a mixture, of each the share that its weight asks for, by the order of subsets.

    Reasons, in addition to those of `load_pairs`: "duplicate_instruction" also for an instruction of the own pairs,
    the held-out ones included, or of an earlier set; those of `fault`; "not_in_mix" for what a weight leaves out.

    Args:
        own: all own pairs.
        trained: number of own pairs trained on: at_most 0.5 takes half as many.
        fault: the reason why a pair cannot be trained on, or None. Further pairs take the place of such.
    """
    if mixture is None:
        return []
    known = {seed.instruction for seed in own}
    sets = []
    for one in mixture.datasets:
        pairs, removed = load_pairs(one.id, one.instruction, one.output, one.part)
        new = [seed for seed in pairs if seed.instruction not in known]
        removed += [Removed(seed.where, "duplicate_instruction") for seed in pairs if seed.instruction in known]
        rows = None if one.weight is None else round(one.weight * len(new))
        rows = rows if one.at_most is None else round(one.at_most * trained)
        taken, unfit, rest = take(new, rows, fault, mixture.seed)
        removed += unfit
        removed += [Removed(seed.where, "not_in_mix") for seed in rest]
        known |= {seed.instruction for seed in pairs}
        sets.append(MixedSet(one.id, taken, removed))
    return sets


def in_subset_order(seeds: Sequence[Pair], draw: int = 0) -> list[Pair]:
    """Return the pairs in the order in which subsets take them; each `draw` has another."""
    salt = f"{_SALT}{draw}" if draw else _SALT
    return sorted(seeds, key=lambda pair: choice_hash(pair.instruction, salt))


def take(
    seeds: Sequence[Pair], rows: int | None, fault: Callable[[Pair], str | None] = lambda _: None, draw: int = 0
) -> tuple[list[Pair], list[Removed], list[Pair]]:
    """Return the first `rows` pairs without a fault, in subset order, those with one before them, and the rest.

    Args:
        rows: None takes all without a fault. Where there are fewer than `rows`, the rest is empty.
        fault: called only until `rows` pairs have none, because a call tokenises the pair.
    """
    taken: list[Pair] = []
    unfit: list[Removed] = []
    ordered = in_subset_order(seeds, draw)
    for position, seed in enumerate(ordered):
        if rows is not None and len(taken) == rows:
            return taken, unfit, ordered[position:]
        if reason := fault(seed):
            unfit.append(Removed(seed.where, reason))
        else:
            taken.append(seed)
    return taken, unfit, []
