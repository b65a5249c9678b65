"""The union of the rounds that helped, in the folders of a run of one round: what comes after knows of no rounds.

<label_dir>/, <refine_dir>/   rows, removed rows and measured rows of all these rounds, and their counts added up
<dataset_dir>/                the pairs of all of them, with a column `round`
<label_model_dir>/, <chat_model_dir>/   the models of the last of them

Shards and weights are linked, not copied, where the file system has links.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from datatrove.data import Document

from kun_recipes.curation.held_out import held_out_segments
from kun_recipes.curation.parts import NO_ROUND, ROUND_SHARE, Part
from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.dataset import write_dataset
from kun_recipes.data.folders import SUMMARY, fingerprint, link_or_copy, put_in_place
from kun_recipes.data.rows import read_rows, row_writer
from kun_recipes.execution.counts import NOT_BEST, OTHER_ROUNDS, Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.rounds import first_without_gain
from kun_recipes.execution.summaries import finished_summary, finished_training
from kun_recipes.execution.usage import Used
from kun_recipes.rounds.union_config import RoundsConfig

SHARDS = ("rows", "measured")


@dataclass(frozen=True)
class Round:
    """A finished round, and the summaries of its stages."""

    number: int
    label_folder: Path
    refine_folder: Path
    label: Mapping[str, Any]
    refine: Mapping[str, Any]
    label_model: Mapping[str, Any]
    chat_model: Mapping[str, Any]

    def counts(self) -> dict[str, Any]:
        """Return what a table shows of it."""
        return {
            "round": self.number,
            "segments": self.label["rows_in"],
            "candidates": self.label["rows_kept"],
            "pairs": self.refine["rows_kept"],
            "label_model_loss": self.label_model["held_out_loss_after"],
            "chat_model_loss": self.chat_model["held_out_loss_after"],
        }


def run(config: RoundsConfig) -> None:
    stage = StageFolder("rounds", config)
    summary = stage.summary()
    if summary is None:
        config.check_folders()
        rounds, why = taken(config)
        stage.begin()
        _write_models(config, len(rounds))
        _write_label(config, rounds)
        _write_refine(config, rounds)
        write_dataset(Path(config.refine_dir) / "rows", config.dataset_dir)
        pairs = sum(one.refine["rows_kept"] for one in rounds)
        summary = stage.finish(
            Counts(pairs, pairs, pairs),
            rounds=[one.counts() for one in rounds],
            asked_rounds=len(config.label_dirs),
            why=why,
        )
    report(summary, stage.folder)


def taken(config: RoundsConfig) -> tuple[list[Round], str | None]:
    """Return the rounds that the union is made of, and why those after them are left out.

    Raises:
        UserError: a stage of one of them, or the gain stage of a round, is not finished.
    """
    count = len(config.label_dirs)
    for number, gain in enumerate(config.gains or (), start=2):
        finished_summary(gain)
        if why := first_without_gain([gain]):
            return [_read_round(config, one) for one in range(number - 1)], why
    return [_read_round(config, one) for one in range(count)], None


def _read_round(config: RoundsConfig, place: int) -> Round:
    label, refine = config.label_dirs[place], config.refine_dirs[place]
    return Round(
        place + 1,
        Path(label),
        Path(refine),
        finished_summary(label),
        finished_summary(refine),
        finished_training(config.label_model_dirs[place]),
        finished_training(config.chat_model_dirs[place]),
    )


def _write_models(config: RoundsConfig, rounds: int) -> None:
    pairs = ((config.label_model_dirs, config.label_model_dir), (config.chat_model_dirs, config.chat_model_dir))
    for models, target in pairs:
        source, partial = Path(models[rounds - 1]), _begin(target)
        for path in sorted(source.rglob("*")):
            if path.is_file():
                link_or_copy(path, partial / path.relative_to(source))
        put_in_place(partial, Path(target))


def _write_label(config: RoundsConfig, rounds: Sequence[Round]) -> None:
    partial = _begin(config.label_dir)
    _link_shards([(one.number, one.label_folder) for one in rounds], partial)
    left = sum(1 for _ in _write_unlabelled(config.segments, rounds, partial / "removed" / f"00_{NO_ROUND}"))
    summary = _sum_up([one.label for one in rounds], rounds, {NO_ROUND: left} if left else {})
    summary.pop(OTHER_ROUNDS, None)
    summary["config"] |= {"model": _described(config.label_model_dir)}
    write_json(partial / SUMMARY, summary)
    put_in_place(partial, Path(config.label_dir))


def _write_unlabelled(segments: str, rounds: Sequence[Round], folder: Path) -> Iterator[Document]:
    """Write the segments that no round of the union labelled for its dataset, and yield them."""
    share = rounds[-1].label["config"].get("round_share") or ROUND_SHARE
    parts = [Part(one.number, share) for one in rounds]
    held_out = {row[schema.ID] for row in held_out_segments(rounds[-1].label_folder)}
    rows = (
        row
        for row in read_rows(segments)
        if row[schema.ID] in held_out or not any(part.has(row[schema.ID]) for part in parts)
    )
    documents = (
        Document(row.pop(schema.TEXT), row.pop(schema.ID), metadata={**row, schema.REASON: NO_ROUND}) for row in rows
    )
    yield from row_writer(folder).run(documents, rank=0, world_size=1)


def _write_refine(config: RoundsConfig, rounds: Sequence[Round]) -> None:
    partial = _begin(config.refine_dir)
    _link_shards([(one.number, one.refine_folder) for one in rounds], partial)
    summary = _sum_up([one.refine for one in rounds], rounds, {})
    candidates = Path(config.label_dir, "rows")
    summary["config"] |= {
        "model": _described(config.chat_model_dir),
        "candidates": {"path": str(candidates), "content": fingerprint(candidates)},
    }
    write_json(partial / SUMMARY, summary)
    put_in_place(partial, Path(config.refine_dir))


def _begin(folder: str) -> Path:
    partial = Path(folder).with_name(f"{Path(folder).name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _link_shards(folders: Sequence[tuple[int, Path]], target: Path) -> None:
    """Link the shards of stages under names that begin with the number of the round."""
    for number, folder in folders:
        for shard in sorted(path for name in (*SHARDS, "removed/*") for path in folder.glob(f"{name}/*.jsonl*")):
            inside = shard.relative_to(folder)
            link_or_copy(shard, target / inside.with_name(f"{number:02d}-{inside.name}"))


def _sum_up(
    summaries: Sequence[Mapping[str, Any]], rounds: Sequence[Round], left: Mapping[str, int]
) -> dict[str, Any]:
    """Return the summary of the last round with the counts of all, and with what each round gave.

    Its config, and what it measured of judges, are those of the last round. Those of the others are in their folders.

    Args:
        left: rows that no round read, by the reason.
    """
    removed = Counter(left)
    for one in summaries:
        removed.update(one["removed"])
    used = reduce(Used.__add__, (_used(one) for one in summaries))
    not_best = sum(one.get(NOT_BEST, 0) for one in summaries)
    return {
        **summaries[-1],
        "rows_in": sum(one["rows_in"] for one in summaries) + sum(left.values()),
        "rows_kept": sum(one["rows_kept"] for one in summaries),
        "removed": dict(removed),
        **({NOT_BEST: not_best} if not_best else {}),
        "seconds": round(sum(one["seconds"] for one in summaries), 1),
        **used.summary(),
        "rounds": [one.counts() for one in rounds],
        "config": dict(summaries[-1]["config"]),
    }


def _used(summary: Mapping[str, Any]) -> Used:
    values = summary.get("used") or {}
    return Used(**{**values, "tokens": values.get("tokens") or 0})


def _described(folder: str) -> dict[str, str]:
    """Return a model folder as a summary describes it."""
    return {"path": folder, "content": fingerprint(Path(folder)), "name": Path(folder).name}
