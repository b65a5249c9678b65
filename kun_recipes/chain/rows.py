"""The most rows that the stages can write, before any of them runs: no final model may lack rows at the end."""

import math
from collections.abc import Iterator, Sequence

from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.errors import UserError

DEVIATIONS = 5
"""Standard deviations by which the share held out, which a hash decides, may be off."""


def refuse_shortage(chain: Chain, selected: Sequence[StageRun]) -> None:
    """Raise UserError for trainings that cannot have enough rows, while work on those rows is still to be done."""
    most = most_rows(chain)
    short = []
    for stage in selected:
        asked = getattr(stage.config, "train_rows", None)
        if asked is None or stage.complete:
            continue
        source = next((one for one in chain.stages if one.writes(stage.config.seeds)), None)
        if source is None or source.complete:
            continue  # its own rows are counted by the training itself, before it begins
        there = _left_to_train_on(most[source.name], stage.config.held_out_share)
        if there < asked:
            short.append((stage, there))
    if short:
        needed = ", ".join(f"{stage.name} {stage.config.train_rows:,}" for stage, _ in short)
        raise UserError(
            f"{needed} rows: {short[0][0].config.seeds} will have {math.floor(short[0][1]):,} to train on at most; "
            "raise sample_rows of the corpus stage, or lower final_sizes or train_rows"
        )


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
