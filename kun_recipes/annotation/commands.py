"""What `recipes/annotate.py` does: serve, show progress, export, or write a Space."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.dataset import write_dataset
from kun_recipes.annotation.export import read_votes, write_votes
from kun_recipes.annotation.keys import show_links
from kun_recipes.annotation.space import make_space
from kun_recipes.annotation.study import read_study
from kun_recipes.errors import UserError

VOTES = "votes"
DATASET = "dataset"


def serve_page(config: AnnotateConfig) -> None:
    """Serve until stopped; links that are new are printed first."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    with _extra_needed():
        from kun_recipes.annotation import server

    server.run(config)


def overview(config: AnnotateConfig) -> None:
    """Print progress by task and by annotator, and agreement."""
    with _extra_needed():
        from kun_recipes.annotation.tables import progress_tables

    Console().print(*progress_tables(config), sep="\n")


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


@contextmanager
def _extra_needed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is missing: pip install --editable '.[annotate]'") from error
