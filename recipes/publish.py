"""Publish: build the repositories of a release, cards included, check them, and push them to the Hub when asked.

    python recipes/publish.py --config recipes/demo/publish.yaml
    python recipes/publish.py --config recipes/demo/publish.yaml --namespace your-name --push
    python recipes/publish.py --check outputs/demo/publish/dataset
    python recipes/publish.py --diff your-name/Kun-Demo@v1.0.0 outputs/demo/publish/dataset --json outputs/changes.json

Reads:   the folders of the finished stages and models of a run
Writes:  <output_dir>/<name>/, each exactly as it would be pushed: Parquet or weights, card, recipe, manifest.json

Nothing leaves this machine without `push`; --dry-run says so aloud, against a `push: true` in the file. --check looks
at any dataset of instructions, a folder or an id on the Hub, and publishes nothing. --diff compares two releases,
folders or owner/name@revision: it prints a table, and --json writes the ids of what was added, removed or changed.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from kun_recipes.chain.stages.publish import PUBLISH
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.publishing.checking.published import check_published
from kun_recipes.publishing.comparison import compare, show, write


def check(name: str) -> None:
    with mistakes_in_one_line():
        sys.exit(1 if check_published(name, Console()) else 0)


def diff(earlier: str, later: str, file: Path | None) -> None:
    with mistakes_in_one_line():
        changes = compare(earlier, later)
        show(changes, Console())
        if file:
            write(changes, file)
        sys.exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--check", metavar="DATASET")
    parser.add_argument("--diff", metavar=("EARLIER", "LATER"), nargs=2)
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--dry-run", action="store_true")
    options, rest = parser.parse_known_args()
    if options.check:
        check(options.check)
    if options.diff:
        earlier, later = options.diff
        diff(earlier, later, options.json)
    PUBLISH.main([*rest, *(["--push", "false"] if options.dry_run else [])])
