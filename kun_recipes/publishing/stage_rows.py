"""Push the rows of one finished stage as a dataset, with a card made of what the stage's folder says.

The folder that is pushed lies in that of the stage, and is rebuilt each time from the same rows, byte for byte: the
same command resumes a failed push, and does not send again what the Hub has.
"""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from kun_recipes.data import schema
from kun_recipes.data.columns import CANDIDATES, LICENSE, PAIRS, SEGMENTS, Column, with_license, with_round
from kun_recipes.data.folders import is_described_path, path_of
from kun_recipes.data.manifest import CARD, write_manifest
from kun_recipes.data.parquet import DATA, SplitWriter, read_all
from kun_recipes.data.rows import list_shards, read_rows
from kun_recipes.execution.counts import NOT_BEST
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.privacy import PrivacySettings, load_privacy
from kun_recipes.publishing.build import copy_prompts, refuse_bad_rows, refuse_reserved, write_stages
from kun_recipes.publishing.cards.metadata import dataset_metadata
from kun_recipes.publishing.cards.provenance import decoding, hub_link, package_version, read_prompts, settings_of
from kun_recipes.publishing.cards.render import render_card
from kun_recipes.publishing.config import card_template
from kun_recipes.publishing.disclosure import public_document, public_path
from kun_recipes.publishing.hub import check_account, push
from kun_recipes.publishing.licences import Licence, load_licences
from kun_recipes.publishing.record import AUTHORS
from kun_recipes.reporting.funnel import sample_rows
from kun_recipes.reporting.language import listed, speaking, tr
from kun_recipes.rules import Rules, load_rules

COLUMNS = {"corpus": SEGMENTS, "label": CANDIDATES, "refine": PAIRS}
"""Columns of what is pushed, by stage."""

INPUTS = {"corpus": "corpora", "label": "segments", "refine": "candidates"}
FOLDER = "push"

EXAMPLES = 5
TAGS = ["instruction-tuning", "back-translation", "synthetic", "kun"]
ADVICE = (
    "Mask or remove it in the input of this stage, or set `rules` that find it, and run the stage again; the rows "
    "remain in its folder"
)


def check_push(config: Any) -> None:
    """Raise UserError where this account may not push to the repository that a stage's config names."""
    check_account({config.push_to: "dataset"}, config.private, HfApi())


def push_rows(stage: str, config: Any, privacy_file: str | None) -> None:
    """Push the rows of a finished stage to the repository that its config names.

    Raises:
        UserError: rows that must not be published, or a Hub that does not take them; they stay where they are.
    """
    privacy, rules = load_privacy(privacy_file), load_rules(config.rules)
    template = card_template("rows", config.language)
    with speaking(config.language):
        folder = _build(stage, Path(config.output_dir), config.push_to, privacy, rules, template)
    print_status(str(push(folder, "dataset", config.push_to, None, config.private, HfApi(), print_status)))


def print_status(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class _Written:
    """Files of rows that were written.

    Attributes:
        rows: by split.
        licences: that the rows of each split name.
        unlicensed: whether a row has no licence.
    """

    columns: tuple[Column, ...]
    rows: dict[str, int] = field(default_factory=dict)
    licences: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unlicensed: bool = False

    def licence(self) -> Licence | None:
        """Return the strictest licence of the rows; None where one is not known."""
        known = load_licences()
        by_id = {licence.id: licence for licence in known.licences}
        named = set().union(*self.licences.values())
        if self.unlicensed or not named or not named <= by_id.keys():
            return None
        return known.strictest(by_id[name] for name in named)


def _build(
    stage: str, output_dir: Path, repository: str, privacy: PrivacySettings, rules: Rules, template: Path
) -> Path:
    """Write the folder that is pushed, its card by a template, and return it."""
    summary = finished_summary(output_dir)
    folder = output_dir / FOLDER
    partial = folder.with_name(f"{FOLDER}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / DATA).mkdir(parents=True)
    rows = output_dir / "rows"
    list_shards(rows)  # raises if no row is left
    written = _write_rows(rows, COLUMNS[stage], partial / DATA, privacy)
    refuse_bad_rows(partial, privacy, rules, rows, ADVICE)
    prompts = read_prompts([summary["config"]])
    copy_prompts(prompts, partial)
    write_stages({stage: summary}, partial)
    title = repository.partition("/")[2]
    origins = {"read": read} if (read := _hub_input(stage, summary)) else {}
    metadata = dataset_metadata(partial, written.rows, title, written.licence(), origins, TAGS)
    facts = {**_facts(stage, summary, partial, written), "title": title, "repository": repository, "prompts": prompts}
    (partial / CARD).write_text(render_card(template, facts, metadata), encoding="utf-8")
    write_manifest(partial)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return folder


def _write_rows(rows: Path, columns: tuple[Column, ...], data: Path, privacy: PrivacySettings) -> _Written:
    """Write the rows as Parquet, with their licences where they name one."""
    is_licensed = any(row.get(LICENSE) for row in read_rows(rows))
    columns = with_round(columns, next(read_rows(rows), None))
    written = _Written(with_license(columns) if is_licensed else columns)
    with SplitWriter(data, written.columns) as splits:
        for row in read_rows(rows):
            source, licence = row[schema.SOURCE], row.get(LICENSE)
            refuse_reserved(source, rows)
            licence = licence if isinstance(licence, str) else None
            written.licences[source].update({licence} if licence else ())
            written.unlicensed |= not licence
            document = row.get(schema.DOCUMENT_ID)
            public = public_document(str(document), privacy) if document else None
            splits.write({**row, LICENSE: licence, schema.DOCUMENT_ID: public})
    written.rows = splits.rows
    return written


def _facts(stage: str, summary: Mapping[str, Any], folder: Path, written: _Written) -> dict[str, Any]:
    config = summary["config"]
    first = next(row for _, row in read_all(folder))
    asks = stage in AUTHORS
    return {
        "stage": stage,
        "rows": summary["rows_kept"],
        "rows_in": summary["rows_in"],
        "removed": summary["removed"],
        "not_best": summary.get(NOT_BEST, 0),
        "splits": list(written.rows),
        "sources": written.rows,
        "licences": {source: sorted(names) for source, names in written.licences.items()},
        "examples": sample_rows((row for _, row in read_all(folder)), EXAMPLES),
        "answers": config.get("answers"),
        "read": _read(stage, summary),
        "model": _model(config, first[AUTHORS[stage]]) if asks else None,
        "decoding": decoding(config) if asks and config.get("answers") != "raw" else None,
        "judges": list(_judges(summary)),
        "version": package_version(),
        "configuration": [settings_of(stage, config)],
        "columns": written.columns,
    }


def _hub_input(stage: str, summary: Mapping[str, Any]) -> str | None:
    """Return the id of the Hub dataset that a stage read; None for another input."""
    option = INPUTS[stage]
    if option not in summary.get("pinned", {}):
        return None
    return summary["config"][option].removeprefix("hf://datasets/").partition("@")[0]


def _read(stage: str, summary: Mapping[str, Any]) -> str:
    """Return a phrase on what a stage read."""
    option = INPUTS[stage]
    if hub := _hub_input(stage, summary):
        return tr("{link} at commit {commit}", link=hub_link(hub, "datasets/"), commit=summary["pinned"][option])
    given = summary["config"][option]
    shown = [path_of(one["path"]) for one in given] if isinstance(given, list) else [path_of(given)]
    content = f" (`{given['content']}`)" if is_described_path(given) else ""
    return listed(f"`{public_path(path)}`" for path in shown) + content


def _model(config: Mapping[str, Any], author: str) -> str:
    """Return the model that wrote the rows: as they name it, and where it is on the Hub."""
    given = config["model"]
    return f"`{author}`" if is_described_path(given) else f"{hub_link(given)}, `{author}`"


def _judges(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, judge in summary.get("judges", {}).items():
        yield {"name": name, "auc": judge["auc"], "held_out": judge["held_out"]}
