"""The gain stage; recipes/gain.py says what it writes."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kun_recipes.data.pairs import Pair
from kun_recipes.errors import UserError
from kun_recipes.evaluation.held_out import held_out_pairs
from kun_recipes.execution.counts import Counts, sum_counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.execution.summaries import finished_summary, finished_training
from kun_recipes.execution.workers import log_into
from kun_recipes.models.engines import check_installed
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import resolve_model
from kun_recipes.reporting.tables import to_rich
from kun_recipes.rounds.changes import Change, decide
from kun_recipes.rounds.comparison import Bootstrap, held_out_changes, judge_changes, row_changes
from kun_recipes.rounds.config import LOSSES, GainConfig
from kun_recipes.rounds.held_out import CHAT_MODEL, LABEL_MODEL, MODELS, ask_round, read_records
from kun_recipes.rounds.rows import RoundRows, count_repeated, read_round
from kun_recipes.rounds.segments import read_outcome, segment_changes
from kun_recipes.rounds.tables import gain_table


def check_round(folder: str) -> None:
    """Raise UserError unless a folder has the finished stages of a round."""
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: no such round folder; run that round first, or give another folder")
    for model in MODELS:
        finished_training(Path(folder, model))
    for stage in ("label", "refine"):
        finished_summary(Path(folder, stage))


def compare(config: GainConfig, stage: StageFolder) -> list[Change]:
    """Return every change from the one round to the other; no model is asked."""
    folders = (config.before, config.after)
    bootstrap = Bootstrap(config.bootstrap, config.seed)
    label, chat = (
        (read_records(stage, config.before, model), read_records(stage, config.after, model))
        for model in (LABEL_MODEL, CHAT_MODEL)
    )
    before, after = _read_rounds(config, *folders)
    refined = [Path(folder, "refine") for folder in folders]
    logs = stage.logs("rows")
    logs.mkdir(parents=True, exist_ok=True)
    with log_into(logs):
        repeated = count_repeated([*(config.earlier or ()), *folders], stage.scratch / "near") if after.rows else None
    return [
        *held_out_changes(label, chat, bootstrap),
        *judge_changes(refined[0], refined[1], (before, after), bootstrap),
        *segment_changes(read_outcome(config.before), read_outcome(config.after), bootstrap),
        *row_changes((before, after), repeated),
    ]


def _read_rounds(config: GainConfig, before: str, after: str) -> tuple[RoundRows, RoundRows]:
    model = Path(resolve_model(config.model, config.model_revision))
    count_tokens = ChatTokenizer.load(model, plain=True).count_texts
    return read_round(before, count_tokens, config.sample_rows), read_round(after, count_tokens, config.sample_rows)


def ask(config: GainConfig, stage: StageFolder, pairs: Sequence[Pair]) -> Counts:
    """Ask the models of both rounds about the same held-out pairs."""
    return sum_counts([ask_round(config, stage, folder, pairs) for folder in (config.before, config.after)])


def run(config: GainConfig) -> None:
    stage = StageFolder("gain", config)
    summary = stage.summary()
    if summary is None:
        check_installed(config.engine)
        for folder in (*(config.earlier or ()), config.before, config.after):
            check_round(folder)
        load_prompt(config.label_prompt, {"segment"})
        columns = config.instruction_column, config.output_column
        pairs = held_out_pairs(
            config.seeds, *columns, config.held_out_share, config.held_out_limit, config.seeds_part()
        )
        stage.begin()
        counts = ask(config, stage, pairs)
        changes = compare(config, stage)
        before, after = (Path(folder).name for folder in (config.before, config.after))
        decision = decide(changes, LOSSES[config.decided_by], config.min_gain, before, after)
        comparison = {"before": before, "after": after, "changes": [change.to_dict() for change in changes]}
        summary = stage.finish(counts, helps=decision.helps, why=decision.why, comparison=comparison)
    report(summary, stage.folder)
    Console().print(to_rich(gain_table(summary["comparison"])))
    print(summary["why"], file=sys.stderr)
