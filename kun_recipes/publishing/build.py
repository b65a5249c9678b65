"""Build the folders of a release, exactly as they would be pushed, and refuse what must not be published.

Beside data or weights a folder has its card, the recipe that made it, the prompts, and the counts of the stages.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from rich.console import Console
from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree

from kun_recipes.curation.preference import SPLIT, PairCounts
from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.columns import CANDIDATES as CANDIDATE_COLUMNS
from kun_recipes.data.columns import LICENSE, PAIRS, with_license
from kun_recipes.data.columns import PREFERENCE as PREFERENCE_COLUMNS
from kun_recipes.data.folders import PREFERENCE, TRAIN_SUMMARY, path_of
from kun_recipes.data.manifest import CARD, write_manifest
from kun_recipes.data.parquet import DATA, SplitWriter, read_all
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.privacy import PrivacySettings, load_privacy
from kun_recipes.publishing.cards.dataset import DatasetCard
from kun_recipes.publishing.cards.metadata import DEFAULT
from kun_recipes.publishing.cards.model import ModelCard
from kun_recipes.publishing.cards.provenance import Prompt, published_recipe, read_prompts
from kun_recipes.publishing.checking.rows import SHOWN, RowsCheck
from kun_recipes.publishing.config import DATASET, PublishConfig, kind_of
from kun_recipes.publishing.disclosure import public_document, public_yaml, without_local_paths
from kun_recipes.publishing.record import RunRecord
from kun_recipes.reporting import FIGURES
from kun_recipes.rules import Rules, load_rules

PROMPTS = "recipes/prompts"
STAGES = "recipes/stages.json"

NOT_PUBLISHED = ("logs", "checkpoints", TRAIN_SUMMARY)
"""Parts of a model's folder; the summary is written anew without this machine's paths."""

BY_WITHHOLDING = (
    "Write the ids into a file, one per line, and name it by `withhold:`, or run the stage again with rules that find "
    "them"
)

RESERVED = (DEFAULT, "all", PREFERENCE)
"""Words of `load_dataset`, and the config of the preference pairs: no source can have them for its name."""


@dataclass(frozen=True)
class Built:
    """A folder that is ready to be pushed, below the stage's own.

    Attributes:
        kind: the Hub's kind of repository.
        rows: of a dataset; 0 for a model.
        withheld: rows of the run that are not in it.
    """

    name: str
    kind: Literal["dataset", "model"]
    rows: int = 0
    withheld: int = 0


def build(config: PublishConfig, record: RunRecord, notify: Callable[[str], None]) -> list[Built]:
    """Build everything that a config publishes.

    Args:
        notify: called with a line on each repository.

    Raises:
        UserError: rows that must not be published, or a fact that a card wants and nobody gave.
    """
    _refuse_unknown_ids(config)
    built = []
    for name in config.names:
        notify(f"building {name}")
        folder = Path(config.output_dir) / name
        partial = folder.with_name(f"{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make = _build_dataset if kind_of(name) == "dataset" else _build_model
        built.append(make(config, record, name, partial))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    return built


def _build_dataset(config: PublishConfig, record: RunRecord, name: str, folder: Path) -> Built:
    stage = Path(config.refine_dir if name == DATASET else config.label_dir)
    summary = record.refine if name == DATASET else record.label
    columns = with_license(PAIRS if name == DATASET else CANDIDATE_COLUMNS)
    privacy = load_privacy(path_of(record.corpus["config"]["privacy"]))
    pairs = PairCounts() if name == DATASET else None
    rows, withheld = _write_rows(config, stage / "rows", columns, folder, privacy)
    if pairs:
        _write_pairs(config, stage / "rows", summary["config"]["answers"], folder / PREFERENCE, pairs)
    if sum(rows.values()) + withheld != summary["rows_kept"]:
        raise UserError(
            f"{stage}: its rows are {sum(rows.values()) + withheld}, but its funnel ends with {summary['rows_kept']}; "
            "run the stage again"
        )
    refuse_bad_rows(folder, privacy, load_rules(path_of(summary["config"]["rules"])), stage / "rows", BY_WITHHOLDING)
    stages = {"corpus": record.corpus, "label": record.label} | ({"refine": summary} if name == DATASET else {})
    _copy_recipes(config.recipes, folder)
    copy_prompts(read_prompts(stage["config"] for stage in stages.values()), folder)
    write_stages(stages, folder)
    figures = _copy_figures(config.report_dir, folder) if config.report_dir and name == DATASET else []
    # private_found: or it were refused
    card = DatasetCard(
        config, record, folder, name, columns, rows, withheld, 0, figures, pairs.summary() if pairs else None
    )
    (folder / CARD).write_text(card.render(), encoding="utf-8")
    write_manifest(folder)
    return Built(name, "dataset", sum(rows.values()), withheld)


def _write_rows(
    config: PublishConfig, rows: Path, columns: Any, folder: Path, privacy: PrivacySettings
) -> tuple[dict[str, int], int]:
    """The rows of each split, and how many were withheld."""
    withhold = _ids(config.withhold)
    licences = config.licences_of_sources()
    (folder / DATA).mkdir()
    withheld = 0
    with SplitWriter(folder / DATA, columns) as splits:
        for row in read_rows(rows):
            source = row[schema.SOURCE]
            if source not in licences:
                raise UserError(f"sources: the source {source} has rows; add its name, licence and origin")
            refuse_reserved(source, rows)
            if row[schema.ID] in withhold:
                withheld += 1
            else:
                document = row.get(schema.DOCUMENT_ID)
                public = document and public_document(document, privacy)
                splits.write({**row, LICENSE: licences[source].id, schema.DOCUMENT_ID: public})
    if not splits.rows:
        raise UserError(f"{rows}: no row is left to publish; {config.withhold} withholds them all")
    return splits.rows, withheld


def _write_pairs(config: PublishConfig, rows: Path, answers: str, folder: Path, counts: PairCounts) -> None:
    """Write the preference pairs of the rows that are published; without a pair there is no folder."""
    withhold, licences = _ids(config.withhold), config.licences_of_sources()
    folder.mkdir()
    published = (row for row in read_rows(rows) if row[schema.ID] not in withhold)
    with SplitWriter(folder, with_license(PREFERENCE_COLUMNS)) as splits:
        for pair in counts.pairs(published, answers):
            splits.add(SPLIT, {**pair, LICENSE: licences[pair[schema.SOURCE]].id})
    if not splits.rows:
        folder.rmdir()


def refuse_reserved(source: str, rows: Path) -> None:
    """Raise UserError for a source whose name no split can have."""
    if source in RESERVED:
        raise UserError(
            f"{rows}: a source is called {source}, a name that a published dataset has another use for; rename it"
        )


def _refuse_unknown_ids(config: PublishConfig) -> None:
    """Raise UserError for ids to withhold that no row has: a removal that was asked for would not happen.

    A row that only the candidates have is known, though the pairs lack it.
    """
    unknown = set(_ids(config.withhold))
    if not unknown or not any(kind_of(name) == "dataset" for name in config.names):
        return
    for stage in (config.label_dir, config.refine_dir):
        unknown.difference_update(row[schema.ID] for row in read_rows(Path(stage) / "rows"))
    if unknown:
        shown, more = sorted(unknown)[:SHOWN], "" if len(unknown) <= SHOWN else " …"
        raise UserError(
            f"{config.withhold}: {len(unknown)} of its ids are in no row of the run: {', '.join(shown)}{more}; "
            "correct them, or take them out"
        )


def _ids(file: str | None) -> frozenset[str]:
    if file is None:
        return frozenset()
    try:
        return frozenset(Path(file).read_text(encoding="utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: is no text file of row ids ({error.reason} at byte {error.start})") from error


def refuse_bad_rows(folder: Path, privacy: PrivacySettings, rules: Rules, rows: Path, advice: str) -> None:
    """Raise UserError for rows that must not be published: private data, empty texts, an id twice.

    Args:
        privacy, rules: those of the run.
        rows: where they come from, for the message.
        advice: what to do, likewise.
    """
    check = RowsCheck(privacy, rules, quality=False)
    for split, row in read_all(folder):
        check.look(split, row)
    for split, pair in read_all(folder, data=PREFERENCE):
        check.look(f"{PREFERENCE}/{split}", pair)
    if bad := [problem for problem in check.problems.values() if problem.serious]:
        found = "; ".join(map(str, bad))
        raise UserError(f"{rows}: not to be published: {found}. {advice}")


def _build_model(config: PublishConfig, record: RunRecord, name: str, folder: Path) -> Built:
    model = record.models[name]
    for path in sorted(model.folder.rglob("*")):
        inside = path.relative_to(model.folder)
        if path.is_file() and inside.parts[0] not in NOT_PUBLISHED and path.name != CARD:
            _link_or_copy(path, folder / inside)
    write_json(folder / TRAIN_SUMMARY, without_local_paths(model.summary))
    _copy_recipes(config.recipes, folder)
    copy_prompts(read_prompts([model.summary["config"]]), folder)
    (folder / CARD).write_text(ModelCard(config, record, model).render(), encoding="utf-8")
    write_manifest(folder)
    return Built(name, "model")


def _copy_recipes(recipes: Sequence[str], folder: Path) -> None:
    """Copy the YAML files of recipes to recipes/<name>/*.yaml, without this machine's paths."""
    for recipe in recipes:
        target = folder / published_recipe(recipe)
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(recipe).glob("*.yaml")):
            try:
                text = public_yaml(path.read_text(encoding="utf-8"))
            except (UnicodeDecodeError, yaml.YAMLError) as error:
                raise UserError(f"{path}: is no YAML file that can be read: {' '.join(str(error).split())}") from error
            (target / path.name).write_text(text, encoding="utf-8")


def copy_prompts(prompts: Sequence[Prompt], folder: Path) -> None:
    """Copy the prompt files to recipes/prompts/<name>."""
    for prompt in prompts:
        target = folder / PROMPTS / prompt.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prompt.path, target)


def _copy_figures(report_dir: str, folder: Path) -> list[str]:
    """Copy the report's pictures to figures/<name>.png; return their names. Raise UserError if it is not finished."""
    finished_summary(report_dir)
    pictures = sorted(Path(report_dir, FIGURES).glob("*.png"))
    for picture in pictures:
        _link_or_copy(picture, folder / FIGURES / picture.name)
    return [picture.stem for picture in pictures]


def write_stages(stages: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write the config and the counts of each stage, without this machine's paths and times."""
    lasting = {
        name: {key: value for key, value in stage.items() if key not in ("seconds", "used")}
        for name, stage in stages.items()
    }
    write_json(folder / STAGES, without_local_paths(lasting))


def _link_or_copy(source: Path, target: Path) -> None:
    """Link the file, for weights are large; copy it if the file system has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def show_tree(folder: Path, title: str, console: Console) -> None:
    """Print the files of a folder with their sizes as a tree."""
    tree = Tree(Text(f"{title}  ({folder})", style="bold"))
    _grow(tree, folder)
    console.print(tree)


def _grow(tree: Tree, folder: Path) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir():
            _grow(tree.add(Text(f"{path.name}/")), path)
        else:
            tree.add(Text(f"{path.name}  {decimal(path.stat().st_size)}"))
