"""Publish: build the repositories of a release, cards included, check them, and push them to the Hub when asked.

    python recipes/publish.py --config recipes/demo/publish.yaml
    python recipes/publish.py --config recipes/demo/publish.yaml --namespace your-name --push
    python recipes/publish.py --check outputs/demo/publish/dataset

Reads:   the folders of the finished stages and models of a run
Writes:  <output_dir>/<name>/, each exactly as it would be pushed: Parquet or weights, card, recipe, manifest.json

Nothing leaves this machine without `push`; --dry-run says so aloud, against a `push: true` in the file. --check looks
at any dataset of instructions, a folder or an id on the Hub, and publishes nothing.
"""

import argparse
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import HfApi
from rich.console import Console

from kun_recipes.cli import main
from kun_recipes.data.folders import discard
from kun_recipes.errors import UserError, tell
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.publishing.build import Built, build, show_tree
from kun_recipes.publishing.checking.published import check_published
from kun_recipes.publishing.config import CANDIDATES, DATASET, PublishConfig
from kun_recipes.publishing.hub import check_account, push
from kun_recipes.publishing.record import read_run


def run(config: PublishConfig) -> None:
    api = HfApi()
    if config.push:
        check_account(config, api)
    console = Console(stderr=True)
    built = built_folders(config)
    for one in built:
        show_tree(Path(config.output_dir, one.name), f"{one.kind} {config.repository(one.name)}", console)
    if not config.push:
        say("nothing was pushed: read the cards, `hf auth login`, and run the same command with --push")
        return
    for one in built:
        folder, repository = Path(config.output_dir, one.name), config.repository(one.name)
        say(str(push(folder, one.kind, repository, config.tag, config.private, api, say)))


def built_folders(config: PublishConfig) -> list[Built]:
    """The folders of a release, built now where they are not there yet or not of this run and config."""
    stage = StageFolder("publish", config)
    if stage.is_outdated():
        discard(stage.folder)
    summary = stage.summary()
    if summary is None:
        record = read_run(config)
        stage.begin()
        built = build(config, record, say)
        summary = stage.finish(count(built), built=[asdict(one) for one in built])
    report(summary, stage.folder)
    return [Built(**values) for values in summary["built"]]


def count(built: list[Built]) -> Counts:
    """What became of the run's last rows: those of the dataset, or of the candidates where only they are published."""
    rows = next((one for name in (DATASET, CANDIDATES) for one in built if one.name == name), None)
    if rows is None:
        return Counts()
    read = rows.rows + rows.withheld
    return Counts(read, read, rows.rows, Counter({"withheld": rows.withheld} if rows.withheld else {}))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def check(name: str) -> None:
    try:
        faults = check_published(name, Console())
    except UserError as error:
        tell(error)
        sys.exit(2)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--check", metavar="DATASET")
    parser.add_argument("--dry-run", action="store_true")
    options, rest = parser.parse_known_args()
    if options.check:
        check(options.check)
    sys.argv[1:] = [*rest, *(["--push", "false"] if options.dry_run else [])]
    main(PublishConfig, run)
