"""Annotate: serve the page on which annotators judge pairs and compare answers (Kun §4.2.2, §4.2.3).

    python recipes/annotate.py --config recipes/demo/annotate.yaml
    python recipes/annotate.py --config recipes/demo/annotate.yaml --overview true
    python recipes/annotate.py --config recipes/demo/annotate.yaml --export true

Reads the study's quality.jsonl and preference.jsonl. Every vote is a row of <output_dir>/annotation.sqlite before it
is acknowledged; stopping the server, or killing it, loses none. New links are printed once: only hashes are kept.
"""

from kun_recipes.annotation.commands import export, overview, serve_page, write_space
from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.config.command_line import parse


def run(config: AnnotateConfig) -> None:
    if config.overview:
        overview(config)
    elif config.export:
        export(config)
    elif config.space_dir:
        write_space(config)
    else:
        serve_page(config)


if __name__ == "__main__":
    with mistakes_in_one_line():
        run(parse(AnnotateConfig))
