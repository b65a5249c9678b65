"""The report of the corpus stage: what was removed and why, with examples, as one HTML page that a person can read.

It is the way to find a rule that throws away good text: twenty rows of every reason, chosen by hash.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from datatrove.data import DocumentsPipeline
from datatrove.pipeline.base import PipelineStep
from markupsafe import Markup, escape

from kun_recipes.data import schema
from kun_recipes.data.atomic import whole_or_not_at_all, write_json
from kun_recipes.data.rows import read_shard
from kun_recipes.reporting.language import html_language, is_english, named, tr
from kun_recipes.reporting.tally import Tally, length_labels

TEMPLATE = "corpus.html.jinja"
KEPT = "kept"
MEASURED = re.compile(r"[\d.]{1,6}\b.*")
Tallies = dict[str, dict[str, Tally]]
"""Tallies by block, then by reason; under `KEPT` by source."""


class DescribeRows(PipelineStep):
    """Tally what the task of the same rank removed and kept, into `output`/<rank>.json.

    Args:
        removed: folder with a folder of removed rows per block.
        rows: folder of the rows kept.
    """

    name = "🧾 tally"
    type = "📊 - REPORT"

    def __init__(self, removed: Path, rows: Path, output: Path):
        super().__init__()
        self.removed, self.rows, self.output = removed, rows, output

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> None:
        tallies: Tallies = defaultdict(lambda: defaultdict(Tally))
        for block in sorted(self.removed.glob("*")):
            for row in _rows_of(block, rank):
                tallies[block.name][row[schema.REASON]].add(row)
        for row in _rows_of(self.rows, rank):
            tallies[KEPT][row[schema.SOURCE]].add(row)
        write_tallies(self.output / f"{rank:05d}.json", tallies)


def write_tallies(path: Path, tallies: Tallies) -> None:
    values = {
        block: {reason: tally.to_json() for reason, tally in reasons.items()} for block, reasons in tallies.items()
    }
    write_json(path, values)


def merge_tallies(*folders: Path) -> Tallies:
    """Return all tallies of some folders as one, blocks in the order of the pipeline; of two files of a name, one."""
    merged: Tallies = defaultdict(lambda: defaultdict(Tally))
    files = {path.name: path for folder in folders for path in folder.glob("*.json")}
    for _, path in sorted(files.items()):
        for block, reasons in json.loads(path.read_text(encoding="utf-8")).items():
            for reason, values in reasons.items():
                merged[block][reason].merge(Tally.from_json(values))
    return {block: dict(merged[block]) for block in sorted(merged)}


def write_corpus_report(path: Path, tallies: Tallies, summary: Mapping[str, Any]) -> None:
    """Write the page, in the current language. Nothing of the rows reaches it unescaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.globals |= {"tr": tr, "html_language": html_language()}
    environment.filters |= {"mark": _mark, "reason": _reason_name, "block": _block_name}
    template = environment.from_string((files("kun_recipes.reporting") / TEMPLATE).read_text(encoding="utf-8"))
    removed = {block: reasons for block, reasons in tallies.items() if block != KEPT}
    page = template.render(
        removed=removed,
        kept=tallies.get(KEPT, {}),
        total=sum(tally.rows for reasons in tallies.values() for tally in reasons.values()),
        labels=length_labels(),
        summary=summary,
    )
    with whole_or_not_at_all(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")


def _rows_of(folder: Path, rank: int) -> Iterator[dict[str, Any]]:
    for shard in sorted(folder.glob(f"{rank:05d}[._]*")):
        yield from read_shard(folder, shard.name)


def _reason_name(reason: str) -> str:
    return reason if is_english() else named(reason, "reason")


def _block_name(block: str) -> str:
    """Return the name of a block, of which a folder of removed rows is called, such as 05_privacy."""
    number, _, name = block.partition("_")
    return block if is_english() else f"{number} {named(name, 'block')}"


def _mark(text: str, value: str) -> Markup:
    """Return the text with every occurrence of the value marked, unless the value is a measurement."""
    if not value or MEASURED.fullmatch(value):
        return escape(text)
    return Markup("<mark>{}</mark>").format(value).join(map(escape, text.split(value)))
