"""The most rows that the stages can write, before any of them runs: no final model may lack rows at the end."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.data.pairs import PairSet, load_pairs, split_pairs
from kun_recipes.errors import UserError

DEVIATIONS = 5
"""Standard deviations by which the share held out, which a hash decides, may be off."""


@dataclass(frozen=True)
class _Wanted:
    """A number of rows of one set that a training asks for, without the held-out rows."""

    stage: str
    pairs: PairSet
    rows: int
    held_out_share: float = 0.0


def refuse_shortage(chain: Chain, selected: Sequence[StageRun]) -> None:
    """Raise UserError for trainings that cannot have the rows that they ask for.

    Rows of a finished stage are left to the training itself: it counts them first, and stages that can do without it
    still run.
    """
    most = most_rows(chain)
    short: dict[str, list[str]] = {}
    there: dict[str, float] = {}
    for one in (one for stage in selected for one in _wanted(stage)):
        rows, path = _most_there(one, chain, most), one.pairs.path
        if rows < one.rows:
            there[path] = rows
            short.setdefault(path, []).append(f"{one.stage} {one.rows:,}")
    if short:
        raise UserError(
            "; ".join(
                f"{', '.join(names)} rows requested, but {path} will have at most {math.floor(there[path]):,} "
                f"to train on; {_advice(path, chain)}"
                for path, names in short.items()
            )
        )


def _wanted(stage: StageRun) -> Iterator[_Wanted]:
    config = stage.config
    rows = getattr(config, "train_rows", None)
    if rows is None or stage.complete:
        return
    seeds = PairSet("seeds", config.seeds, config.instruction_column, config.output_column, config.seeds_part())
    yield _Wanted(stage.name, seeds, rows, config.held_out_share)


def _most_there(one: _Wanted, chain: Chain, most: dict[str, float]) -> float:
    """Return the most rows that a training can find in a set; infinity where that is not known yet."""
    source = _writer(one.pairs.path, chain)
    if source is not None:
        return math.inf if source.complete else _left_to_train_on(most[source.name], one.held_out_share)
    if not Path(one.pairs.path).exists():
        return math.inf  # a dataset of the Hub
    pairs, _ = load_pairs(one.pairs.path, one.pairs.instruction, one.pairs.output, one.pairs.part)
    return len(split_pairs(pairs, one.held_out_share)[0])


def _advice(path: str, chain: Chain) -> str:
    if _writer(path, chain) is not None:
        return "raise sample_rows of the corpus stage, or lower final_sizes or train_rows"
    return "give more pairs, or lower train_rows"


def _writer(path: str, chain: Chain) -> StageRun | None:
    return next((one for one in chain.stages if one.writes(path)), None)


def most_rows(chain: Chain) -> dict[str, float]:
    """Return the most rows that each stage can write, by its name; those of a finished one are counted."""
    most: dict[str, float] = {}
    for stage in chain.stages:
        read = min(_counts_read(stage, chain, most), default=math.inf)
        summary = stage.summary()
        most[stage.name] = summary["rows_kept"] if summary else stage.kind.most_rows(stage.config, read)
    return most


def _counts_read(stage: StageRun, chain: Chain, most: dict[str, float]) -> Iterator[float]:
    source = stage.kind.rows_from
    if source is not None:
        path = getattr(stage.config, source)
        yield from (most[one.name] for one in chain.stages if one.name in most and one.writes(path))


def _left_to_train_on(rows: float, held_out_share: float) -> float:
    if math.isinf(rows):
        return rows
    spread = DEVIATIONS * math.sqrt(rows * held_out_share * (1 - held_out_share))
    return min(rows, rows * (1 - held_out_share) + spread)
