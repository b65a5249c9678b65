"""Progress and agreement for the terminal."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.export import read_votes
from kun_recipes.annotation.progress import agreement, by_annotator, by_task
from kun_recipes.annotation.storage import open_existing


def progress_tables(config: AnnotateConfig) -> Iterator[Table]:
    """Votes by task, votes by annotator, agreement by question. Raises UserError where there is no database."""
    database = open_existing(config.database)
    by_tasks = by_task(database, config.votes_per_item)
    tasks = Table("task", "votes", "of", f"items with {config.votes_per_item}", "items", title="Progress")
    for one in by_tasks:
        tasks.add_row(one.task, f"{one.votes:,}", f"{one.wanted:,}", f"{one.finished:,}", f"{one.items:,}")
    yield tasks
    people = Table("annotator", *(row.task for row in by_tasks), "last vote (UTC)")
    for one in by_annotator(database, config.annotators):
        people.add_row(one.name, *(str(one.votes.get(row.task, 0)) for row in by_tasks), _time(one.last))
    yield people
    yield _agreement_table(config)


def _agreement_table(config: AnnotateConfig) -> Table:
    table = Table("question", "same/some/none", "pairs", "Fleiss κ", "Krippendorff α", title="Agreement")
    for question, found in agreement(read_votes(config.database), config.votes_per_item).items():
        values = [found[name]["value"] for name in ("percent", "fleiss_kappa", "alpha_nominal")]
        counts = "/".join(map(str, found["identical"].values()))
        table.add_row(question, counts, *("–" if value is None else f"{value:.3f}" for value in values))
    return table


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
