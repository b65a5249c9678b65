"""The pairs of a training: nested subsets, and other instruction sets mixed in, such as COIG or BELLE (Kun table 3).

The subsets 9k ⊂ 26k ⊂ 39k ⊂ 52k ⊂ 100k ⊂ 200k ⊂ 360k are beginnings of one order: that of a salted hash of the
instruction. It depends neither on the order of the files nor on the other pairs, and the salt makes it independent of
the held-out split.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kun_recipes.data.pairs import Removed, Seed, load_seeds
from kun_recipes.errors import UserError
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.mix_options import DEFAULT_COLUMNS, NO_REVISION, parse_columns

_SALT = b"subset\0"


@dataclass(frozen=True)
class MixedSet:
    """The pairs of one set that are trained on, and its rows that are not."""

    source: str
    pairs: list[Seed]
    removed: list[Removed]

    def counts(self) -> dict[str, Any]:
        """Return {source, rows_in, rows_kept, removed: rows by reason}."""
        return {
            "source": self.source,
            "rows_in": len(self.pairs) + len(self.removed),
            "rows_kept": len(self.pairs),
            "removed": dict(Counter(row.reason for row in self.removed)),
        }


def load_mix(config: TrainConfig, own: Collection[Seed], trained: int, fits: Callable[[Seed], bool]) -> list[MixedSet]:
    """Read the sets of `config.mix`, each in the share that its weight asks for, by the order of subsets.

    Reasons, beside those of `load_seeds`: "duplicate_instruction" also for an instruction of the own pairs, the
    held-out ones included, or of an earlier set; "too_long"; "not_in_mix" for what a weight leaves out.

    Args:
        own: all own pairs.
        trained: number of own pairs trained on: a weight of 0.5 takes half as many.
        fits: whether a pair is short enough to be trained on.

    Raises UserError when a weight asks for more than a set has.
    """
    known = {seed.instruction for seed in own}
    sets = []
    for number, source in enumerate(config.mix or []):
        columns = parse_columns(config.mix_columns[number] if config.mix_columns else DEFAULT_COLUMNS)
        revision = config.mix_revisions[number] if config.mix_revisions else NO_REVISION
        pairs, removed = load_seeds(source, *columns, revision=None if revision == NO_REVISION else revision)
        new = [seed for seed in pairs if seed.instruction not in known]
        removed += [Removed(seed.where, "duplicate_instruction") for seed in pairs if seed.instruction in known]
        rows = round(config.mix_weights[number] * trained) if config.mix_weights else None
        taken, too_long, rest = take(new, rows, fits)
        if rows is not None and len(taken) < rows:
            raise UserError(
                f"mix_weights: {config.mix_weights[number]} of {trained} rows asks {rows} of {source}, which has "
                f"{len(taken)} to train on; lower the weight, or leave mix_weights out to take all rows"
            )
        removed += [Removed(seed.where, "too_long") for seed in too_long]
        removed += [Removed(seed.where, "not_in_mix") for seed in rest]
        known |= {seed.instruction for seed in pairs}
        sets.append(MixedSet(source, taken, removed))
    return sets


def in_subset_order(seeds: Sequence[Seed]) -> list[Seed]:
    """Return the pairs in the order in which subsets take them."""
    return sorted(seeds, key=lambda seed: hashlib.sha256(_SALT + seed.instruction.encode()).digest())


def take(
    seeds: Sequence[Seed], rows: int | None, fits: Callable[[Seed], bool] = lambda _: True
) -> tuple[list[Seed], list[Seed], list[Seed]]:
    """Return the first `rows` pairs that fit, in subset order, those before them that do not fit, and the rest.

    Args:
        rows: None takes all that fit. Where fewer than `rows` fit, the rest is empty.
        fits: called only until `rows` pairs fit, because a call tokenises the pair.
    """
    taken: list[Seed] = []
    unfit: list[Seed] = []
    ordered = in_subset_order(seeds)
    for position, seed in enumerate(ordered):
        if rows is not None and len(taken) == rows:
            return taken, unfit, ordered[position:]
        (taken if fits(seed) else unfit).append(seed)
    return taken, unfit, []
