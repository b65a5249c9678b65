"""Build the repositories of a release, cards included, check them, and push them when asked (Kun §6)."""

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from huggingface_hub import HfApi
from rich.console import Console

from kun_recipes.data.folders import discard
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.publishing.build import Built, build, show_tree
from kun_recipes.publishing.config import CANDIDATES, DATASET, WRITES, PublishConfig
from kun_recipes.publishing.hub import check_account, push
from kun_recipes.publishing.record import read_run


def run(config: PublishConfig) -> None:
    api = HfApi()
    if config.push:
        check_account(config.kinds(), config.private, api)
    console = Console(stderr=True)
    built = built_folders(config)
    for one in built:
        show_tree(Path(config.output_dir, one.name), f"{one.kind} {config.repository(one.name)}", console)
    if not config.push:
        print_status("nothing was pushed; read the cards, run `hf auth login`, then run the same command with --push")
        return
    for one in built:
        folder, repository = Path(config.output_dir, one.name), config.repository(one.name)
        print_status(str(push(folder, one.kind, repository, config.tag, config.private, api, print_status)))


def built_folders(config: PublishConfig) -> list[Built]:
    """Return the folders of a release, built now where they are not there yet or not of this run and config."""
    stage = StageFolder("publish", config)
    if stage.is_outdated():
        discard(stage.folder, WRITES)
    summary = stage.summary()
    if summary is None:
        record = read_run(config)
        stage.begin()
        built = build(config, record, print_status)
        summary = stage.finish(count(built), built=[asdict(one) for one in built])
    report(summary, stage.folder)
    return [Built(**values) for values in summary["built"]]


def count(built: list[Built]) -> Counts:
    """Return counts of the last published rows: the dataset's, or the candidates' if only these are published."""
    rows = next((one for name in (DATASET, CANDIDATES) for one in built if one.name == name), None)
    if rows is None:
        return Counts()
    read = rows.rows + rows.withheld
    return Counts(read, read, rows.rows, Counter({"withheld": rows.withheld} if rows.withheld else {}))


def print_status(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
