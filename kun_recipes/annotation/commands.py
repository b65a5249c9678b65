"""What `recipes/annotate.py` does: serve, show progress, export, or write a Space."""

import os
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kun_recipes.annotation.access import show_links
from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.dataset import write_dataset
from kun_recipes.annotation.export import read_votes, write_votes
from kun_recipes.annotation.progress import agreement, by_annotator, by_task
from kun_recipes.annotation.space import make_space
from kun_recipes.annotation.storage import open_existing
from kun_recipes.annotation.study import read_study
from kun_recipes.errors import UserError

VOTES = "votes"
DATASET = "dataset"


def serve_page(config: AnnotateConfig) -> None:
    """Serve until stopped; links that are new are printed first."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        from kun_recipes.annotation import server
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install --editable '.[annotate]'") from error

    server.run(config)


def overview(config: AnnotateConfig) -> None:
    """Print progress by task and by annotator, and agreement."""
    database, console = open_existing(config.database), Console()
    tasks = Table("task", "votes", "of", f"items with {config.votes_per_item}", "items", title="Progress")
    for one in by_task(database, config.votes_per_item):
        tasks.add_row(one.task, f"{one.votes:,}", f"{one.wanted:,}", f"{one.finished:,}", f"{one.items:,}")
    people = Table("annotator", *(row.task for row in by_task(database, config.votes_per_item)), "last vote (UTC)")
    for one in by_annotator(database, config.annotators):
        counts = [str(one.votes.get(row.task, 0)) for row in by_task(database, config.votes_per_item)]
        people.add_row(one.name, *counts, _time(one.last))
    console.print(tasks, people, _agreement_table(config))


def export(config: AnnotateConfig) -> None:
    """Write the votes without names: <output_dir>/votes, and <output_dir>/dataset for the Hub."""
    folder = Path(config.output_dir)
    votes = read_votes(config.database)
    if not any(votes.values()):
        raise UserError(f"{config.database}: holds no vote yet")
    dataset = write_dataset(read_study(config.study_dir), votes, folder / DATASET)
    for path in [*write_votes(votes, folder / VOTES), dataset]:
        print(f"wrote {path}")


def write_space(config: AnnotateConfig) -> None:
    """Write the app as a folder for a Space, and print what its owner needs once."""
    made = make_space(config, read_study(config.study_dir))
    print(f"wrote {config.space_dir}; its README.md says how to deploy it")
    print(f"the Space's secret {made.secret_name}, by which it knows the keys:\n  {made.secret}")
    show_links(made.keys, config.address or "https://<owner>-<space>.hf.space")


def _agreement_table(config: AnnotateConfig) -> Table:
    table = Table("question", "same/some/none", "pairs", "Fleiss κ", "Krippendorff α", title="Agreement")
    for question, found in agreement(read_votes(config.database), config.votes_per_item).items():
        values = [found[name]["value"] for name in ("percent", "fleiss_kappa", "alpha_nominal")]
        counts = "/".join(map(str, found["identical"].values()))
        table.add_row(question, counts, *("–" if value is None else f"{value:.3f}" for value in values))
    return table


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
