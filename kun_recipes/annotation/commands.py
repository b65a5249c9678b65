"""Commands of `recipes/annotate.py`: serve, show progress, export, write a Space."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.export import write_dataset, write_votes
from kun_recipes.annotation.keys import print_links
from kun_recipes.annotation.space import make_space
from kun_recipes.annotation.storage import open_existing, read_votes
from kun_recipes.annotation.study import read_study
from kun_recipes.errors import UserError

VOTES = "votes"
DATASET = "dataset"


def serve_page(config: AnnotateConfig) -> None:
    """Serve until stopped; links that are new are printed first."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with _require_extra():
        from kun_recipes.annotation import server

    server.run(config)


def overview(config: AnnotateConfig) -> None:
    """Print progress by task and by annotator, and agreement."""
    with _require_extra():
        from kun_recipes.annotation.progress import agreement, by_annotator, by_task

    database = open_existing(config.database)
    tasks = by_task(database, config.votes_per_item)
    tables = [
        _task_table(tasks, config.votes_per_item),
        _annotator_table(by_annotator(database, config.annotators), [task.task for task in tasks]),
        _agreement_table(agreement(read_votes(config.database), config.votes_per_item)),
    ]
    Console().print(*tables, sep="\n")


def export(config: AnnotateConfig) -> None:
    """Write the votes without names: <output_dir>/votes, and <output_dir>/dataset for the Hub."""
    folder = Path(config.output_dir)
    votes = read_votes(config.database)
    if not any(votes.values()):
        raise UserError(f"{config.database}: no votes yet")
    dataset = write_dataset(read_study(config.study_dir), votes, folder / DATASET)
    for path in [*write_votes(votes, folder / VOTES), dataset]:
        print(f"wrote {path}")


def write_space(config: AnnotateConfig) -> None:
    """Write the app as a folder for a Space, and print what its owner needs once."""
    made = make_space(config, read_study(config.study_dir))
    print(f"wrote {config.space_dir}; see its README.md for how to deploy it")
    print(f"value of the Space's secret {made.secret_name}, the hashes of the keys:\n  {made.secret}")
    print_links(made.keys, config.address or "https://<owner>-<space>.hf.space")


@contextmanager
def _require_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing; run pip install --editable '.[annotate]'") from error


def _task_table(tasks: Sequence[Any], votes_per_item: int) -> Table:
    table = Table("task", "votes", "of", f"items with {votes_per_item}", "items", title="Progress")
    for one in tasks:
        table.add_row(one.task, f"{one.votes:,}", f"{one.wanted:,}", f"{one.finished:,}", f"{one.items:,}")
    return table


def _annotator_table(annotators: Sequence[Any], tasks: Sequence[str]) -> Table:
    table = Table("annotator", *tasks, "last vote (UTC)")
    for one in annotators:
        last = "never" if one.last is None else f"{datetime.fromtimestamp(one.last, UTC):%Y-%m-%d %H:%M:%S}"
        table.add_row(one.name, *(str(one.votes.get(task, 0)) for task in tasks), last)
    return table


def _agreement_table(agreement: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("question", "same/some/none", "pairs", "Fleiss κ", "Krippendorff α", title="Agreement")
    for question, found in agreement.items():
        values = [found[name]["value"] for name in ("percent", "fleiss_kappa", "alpha_nominal")]
        counts = "/".join(map(str, found["identical"].values()))
        table.add_row(question, counts, *("–" if value is None else f"{value:.3f}" for value in values))
    return table
