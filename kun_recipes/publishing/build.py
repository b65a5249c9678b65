"""Build the folders of a release, exactly as they would be pushed, and refuse what must not be published.

Beside data or weights a folder has its card, the recipe that made it, the prompts, and the counts of the stages.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from rich.console import Console
from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree

from kun_recipes.curation.preference import SPLIT, PairCounts
from kun_recipes.data import schema
from kun_recipes.data.atomic import write_json
from kun_recipes.data.columns import CANDIDATES as CANDIDATE_COLUMNS
from kun_recipes.data.columns import LICENSE, PAIRS, with_license, with_round
from kun_recipes.data.columns import PREFERENCE as PREFERENCE_COLUMNS
from kun_recipes.data.folders import PREFERENCE, TRAIN_SUMMARY, WRITTEN, link_or_copy, path_of
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
from kun_recipes.publishing.checking.rows import RowsCheck
from kun_recipes.publishing.comparison import CHANGES, Changes, compare, write
from kun_recipes.publishing.config import DATASET, PublishConfig, kind_of
from kun_recipes.publishing.disclosure import public_document, public_yaml, without_local_paths
from kun_recipes.publishing.eval_results import write_eval_results
from kun_recipes.publishing.record import RunRecord
from kun_recipes.publishing.withholding import RECORD, Withholding
from kun_recipes.reporting import FIGURES
from kun_recipes.rules import Rules, load_rules

PROMPTS = "recipes/prompts"
STAGES = "recipes/stages.json"

NOT_PUBLISHED = ("logs", "checkpoints", TRAIN_SUMMARY, WRITTEN)
"""Parts of a model's folder; the summary is rewritten without this machine's paths."""

BY_WITHHOLDING = (
    "Write the ids into a file, one per line, and set `withhold:` to it, or run the stage again with rules that find "
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


class _Written(NamedTuple):
    """Rows that were written, by split, and ids of those that were withheld, by kind."""

    rows: dict[str, int]
    withheld: dict[str, list[str]]

    @property
    def count_withheld(self) -> int:
        return sum(map(len, self.withheld.values()))


def build(config: PublishConfig, record: RunRecord, notify: Callable[[str], None]) -> list[Built]:
    """Build everything that a config publishes.

    Args:
        notify: called with a line on each repository.

    Raises:
        UserError: rows that must not be published, or a fact that a card needs is not given.
    """
    withholding = Withholding(config.withhold, config.licences_of_sources(), _privacy(record))
    if withholding.targets and any(kind_of(name) == "dataset" for name in config.names):
        withholding.check(_rows_of_run(config))
    built = []
    for name in config.names:
        notify(f"building {name}")
        folder = Path(config.output_dir) / name
        partial = folder.with_name(f"{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if kind_of(name) == "dataset":
            built.append(_build_dataset(config, record, name, partial, withholding))
        else:
            built.append(_build_model(config, record, name, partial))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    return built


def _privacy(record: RunRecord) -> PrivacySettings:
    return load_privacy(path_of(record.corpus["config"]["privacy"]))


def _rows_of_run(config: PublishConfig) -> Iterator[dict[str, Any]]:
    """Return all rows: one that only the candidates have can be withheld, too, though the pairs lack it."""
    return (row for stage in (config.label_dir, config.refine_dir) for row in read_rows(Path(stage, "rows")))


def _build_dataset(
    config: PublishConfig, record: RunRecord, name: str, folder: Path, withholding: Withholding
) -> Built:
    stage = Path(config.refine_dir if name == DATASET else config.label_dir)
    summary = record.refine if name == DATASET else record.label
    columns = with_license(PAIRS if name == DATASET else CANDIDATE_COLUMNS)
    columns = with_round(columns, next(read_rows(stage / "rows"), None))
    privacy = withholding.privacy
    pairs = PairCounts() if name == DATASET else None
    written = _write_rows(config, stage / "rows", columns, folder / DATA, withholding)
    rows, withheld = written.rows, written.count_withheld
    if pairs:
        answers = summary["config"]["answers"]
        _write_pairs(config, stage / "rows", answers, folder / PREFERENCE, pairs, withholding)
    if sum(rows.values()) + withheld != summary["rows_kept"]:
        raise UserError(
            f"{stage}: has {sum(rows.values()) + withheld} rows, but its funnel ends with {summary['rows_kept']}; "
            "run the stage again"
        )
    refuse_bad_rows(folder, privacy, load_rules(path_of(summary["config"]["rules"])), stage / "rows", BY_WITHHOLDING)
    if withheld:
        write_json(folder / RECORD, {"rows": withheld, "ids": written.withheld})
    changes = _changes(config, name, folder)
    stages = {"corpus": record.corpus, "label": record.label} | ({"refine": summary} if name == DATASET else {})
    _copy_recipes(config.recipes, folder)
    copy_prompts(read_prompts(stage["config"] for stage in stages.values()), folder)
    write_stages(stages, folder)
    figures = _copy_figures(config, folder) if config.report_dir and name == DATASET else []
    # private_found: or it were refused
    counts = {kind: len(ids) for kind, ids in written.withheld.items()}
    preference = pairs.summary() if pairs else None
    card = DatasetCard(config, record, folder, name, columns, rows, counts, 0, figures, changes, preference)
    (folder / CARD).write_text(card.render(), encoding="utf-8")
    write_manifest(folder)
    return Built(name, "dataset", sum(rows.values()), withheld)


def _changes(config: PublishConfig, name: str, folder: Path) -> Changes | None:
    """Compare a dataset with the release that it follows, and write changes.json; None where it follows none."""
    if config.previous is None or name != config.compared:
        return None
    run = {"corpus": config.corpus_dir, "label": config.label_dir, "refine": config.refine_dir}
    stages = {stage: Path(path) for stage, path in run.items()}
    changes = compare(config.previous, str(folder), stages, f"{config.repository(name)}@{config.tag}")
    write(changes, folder / CHANGES)
    return changes


def _write_rows(config: PublishConfig, rows: Path, columns: Any, data: Path, withholding: Withholding) -> _Written:
    licences = config.licences_of_sources()
    data.mkdir()
    withheld: dict[str, list[str]] = {}
    with SplitWriter(data, columns) as splits:
        for row in read_rows(rows):
            source = row[schema.SOURCE]
            if kind := withholding.kind_of(row):
                withheld.setdefault(kind, []).append(row[schema.ID])
                continue
            if source not in licences:
                raise UserError(
                    f"sources: the source {source} has rows but is not listed; add its name, licence and origin"
                )
            refuse_reserved(source, rows)
            document = row.get(schema.DOCUMENT_ID)
            public = document and public_document(document, withholding.privacy)
            splits.write({**row, LICENSE: licences[source].id, schema.DOCUMENT_ID: public})
    if not splits.rows:
        raise UserError(f"{rows}: no rows left to publish; {config.withhold} withholds all of them")
    return _Written(splits.rows, withheld)


def _write_pairs(
    config: PublishConfig, rows: Path, answers: str, folder: Path, counts: PairCounts, withholding: Withholding
) -> None:
    """Write the preference pairs of the published rows; without pairs no folder is made."""
    licences = config.licences_of_sources()
    folder.mkdir()
    published = (row for row in read_rows(rows) if not withholding.kind_of(row))
    with SplitWriter(folder, with_license(PREFERENCE_COLUMNS)) as splits:
        for pair in counts.pairs(published, answers):
            splits.add(SPLIT, {**pair, LICENSE: licences[pair[schema.SOURCE]].id})
    if not splits.rows:
        folder.rmdir()


def refuse_reserved(source: str, rows: Path) -> None:
    """Raise UserError for a source whose name no split can have."""
    if source in RESERVED:
        raise UserError(f"{rows}: the source name {source} is reserved in published datasets; rename the source")


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
        raise UserError(f"{rows}: cannot be published: {found}. {advice}")


def _build_model(config: PublishConfig, record: RunRecord, name: str, folder: Path) -> Built:
    model = record.models[name]
    for path in sorted(model.folder.rglob("*")):
        inside = path.relative_to(model.folder)
        if path.is_file() and inside.parts[0] not in NOT_PUBLISHED and path.name != CARD:
            link_or_copy(path, folder / inside)
    write_json(folder / TRAIN_SUMMARY, without_local_paths(model.summary))
    if config.benchmark_tasks and config.evaluation_dir:
        write_eval_results(config.evaluation_dir, config.benchmark_tasks, name, folder)
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
                raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
            (target / path.name).write_text(text, encoding="utf-8")


def copy_prompts(prompts: Sequence[Prompt], folder: Path) -> None:
    """Copy the prompt files to recipes/prompts/<name>."""
    for prompt in prompts:
        target = folder / PROMPTS / prompt.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prompt.path, target)


def _copy_figures(config: PublishConfig, folder: Path) -> list[str]:
    """Copy the report's pictures to figures/<name>.png, and return their names.

    Raises:
        UserError: the report is not finished, or in another language than the card.
    """
    report_dir = str(config.report_dir)
    language = finished_summary(report_dir).get("config", {}).get("language", config.language)
    if language != config.language:
        raise UserError(
            f"{report_dir}: its figures are in {language}, but the card is in {config.language}; "
            "set the same `language` in report.yaml and publish.yaml, and run the report again"
        )
    pictures = sorted(Path(report_dir, FIGURES).glob("*.png"))
    for picture in pictures:
        link_or_copy(picture, folder / FIGURES / picture.name)
    return [picture.stem for picture in pictures]


def write_stages(stages: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write the config and the counts of each stage, without this machine's paths and times."""
    lasting = {
        name: {key: value for key, value in stage.items() if key not in ("seconds", "used")}
        for name, stage in stages.items()
    }
    write_json(folder / STAGES, without_local_paths(lasting))


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
