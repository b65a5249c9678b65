"""Other instruction sets mixed into the training pairs, such as COIG, BELLE or OL-CC (Kun table 3)."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kun_recipes.data.pairs import Pair, Removed, load_pairs
from kun_recipes.errors import UserError
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.subsets import take


@dataclass(frozen=True)
class MixedSet:
    """What one set gives: its source, the pairs trained on, and its rows that are not."""

    source: str
    pairs: list[Pair]
    removed: list[Removed]

    def counts(self) -> dict[str, Any]:
        """{source, rows_in, rows_kept, removed: rows by reason}."""
        return {
            "source": self.source,
            "rows_in": len(self.pairs) + len(self.removed),
            "rows_kept": len(self.pairs),
            "removed": dict(Counter(row.reason for row in self.removed)),
        }


def load_mix(config: TrainConfig, own: Collection[Pair], trained: int, fits: Callable[[Pair], bool]) -> list[MixedSet]:
    """Read the sets of `config.mix`, each in the share that its weight asks for, by the order of subsets.

    Reasons, beside those of `load_pairs`: "duplicate_instruction" also for an instruction of the own pairs, the
    held-out ones included, or of an earlier set; "too_long"; "not_in_mix" for what a weight leaves out.

    Args:
        own: all own pairs.
        trained: number of own pairs trained on: a weight of 0.5 takes half as many.
        fits: whether a pair is short enough to be trained on.

    Raises UserError when a weight asks for more than a set has.
    """
    known = {seed.instruction for seed in own}
    sets = []
    for one in config.mix or []:
        pairs, removed = load_pairs(one.path, one.instruction, one.output, one.revision)
        new = [seed for seed in pairs if seed.instruction not in known]
        removed += [Removed(seed.where, "duplicate_instruction") for seed in pairs if seed.instruction in known]
        rows = None if one.weight is None else round(one.weight * trained)
        taken, too_long, rest = take(new, rows, fits)
        if rows is not None and len(taken) < rows:
            raise UserError(
                f"mix: weight {one.weight} of {trained} rows asks {rows} of {one.path}, which has {len(taken)} to "
                "train on; lower the weight, or leave it out to take all rows"
            )
        removed += [Removed(seed.where, "too_long") for seed in too_long]
        removed += [Removed(seed.where, "not_in_mix") for seed in rest]
        known |= {seed.instruction for seed in pairs}
        sets.append(MixedSet(one.path, taken, removed))
    return sets
