"""The card of a dataset: everything it says is read from the run's files or from the rows that are published."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kun_recipes.curation.preference import SPLIT
from kun_recipes.data.columns import PREFERENCE, Column, with_license
from kun_recipes.data.folders import path_of
from kun_recipes.data.parquet import read_all, split_names
from kun_recipes.execution.counts import NOT_BEST
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.models.resolve import HUB_ID
from kun_recipes.privacy import KINDS, load_privacy
from kun_recipes.publishing.cards.measurements import MEASURED, Spread, benchmarks, masked_items, quotes, spreads
from kun_recipes.publishing.cards.metadata import dataset_metadata
from kun_recipes.publishing.cards.provenance import (
    base_of,
    commands,
    decoding,
    hub_link,
    hub_page,
    licence_of,
    model_link,
    package_version,
    read_prompts,
    settings_of,
)
from kun_recipes.publishing.cards.render import render_card
from kun_recipes.publishing.comparison import Changes
from kun_recipes.publishing.config import DATASET, PublishConfig
from kun_recipes.publishing.licences import Licence
from kun_recipes.publishing.record import Role, RunRecord
from kun_recipes.reporting.funnel import sample_rows, with_bounds
from kun_recipes.reporting.language import speaking, tr
from kun_recipes.reporting.tables import to_markdown
from kun_recipes.rounds.tables import decision_of, figure_name, gain_table
from kun_recipes.rules.sensitive import REASONS

EXAMPLES = 5
PRIVATE_REASONS = frozenset([*KINDS, *REASONS.values(), "private_data"])
QUESTIONS = {
    "filter": "是 or 否: is it an instruction?",
    "score": "好 or 差: is it a good one?",
    "answer": "好 or 差: is the answer correct, given the segment?",
    "support": "nats per token: how much the segment explains the answer",
}
DID: dict[Role, str] = {"label": "wrote the instructions", "chat": "judged, and wrote the answers"}
TAGS = ["instruction-tuning", "back-translation", "synthetic", "kun"]


@dataclass(frozen=True)
class DatasetCard:
    """Sources of the card of a dataset.

    Attributes:
        folder: the dataset, its Parquet files written.
        name: `dataset` or `candidates`.
        rows: by split.
        withheld: rows of the run that are not published, by kind of what withholds them.
        private_found: items of private data found in the published rows.
        figures: names of the pictures in figures/.
        changes: since the release that this one follows.
        preference: counts of the preference pairs, as `PairCounts` sums them up; None for the candidates.
    """

    config: PublishConfig
    record: RunRecord
    folder: Path
    name: str
    columns: tuple[Column, ...]
    rows: dict[str, int]
    withheld: Mapping[str, int]
    private_found: int
    figures: Sequence[str]
    changes: Changes | None
    preference: Mapping[str, Any] | None = None

    @property
    def is_pairs(self) -> bool:
        return self.name == DATASET

    def render(self) -> str:
        """Return the README.md; raises UserError where a fact is missing."""
        title = self.config.names[self.name]
        origins = {source: self.config.origins()[source] for source in self.rows}
        pairs = {SPLIT: self.preference["pairs"]} if self.preference and self.preference["pairs"] else None
        metadata = dataset_metadata(self.folder, self.rows, title, self._licence(), origins, TAGS, pairs)
        with speaking(self.config.language):
            return render_card(self.config.template("dataset"), self._facts(title), metadata)

    def _facts(self, title: str) -> dict[str, Any]:
        refine = self.record.refine
        stages = self._stages()
        return {
            "title": title,
            "repository": self.config.repository(self.name),
            "page": hub_page(self.config.repository(self.name), "datasets/"),
            "tag": self.config.tag,
            "is_pairs": self.is_pairs,
            "answers": refine["config"]["answers"],
            "written": refine["config"]["answers"] != "raw",
            "rows": sum(self.rows.values()),
            "splits": list(self.rows),
            "sources": list(self._sources()),
            "licence": self._licence(),
            "model_licences": self._model_licences(),
            "examples": sample_rows((row for _, row in read_all(self.folder)), EXAMPLES),
            "corpus": self.record.corpus["config"],
            "label": _with_decoding(self.record.label["config"]),
            "refine": _with_decoding(refine["config"]),
            "documents": self.record.corpus["documents"],
            "funnel": list(self._funnel()),
            "statistics": list(self._statistics()),
            "columns": self.columns,
            "rounds": refine.get("rounds", []),
            "preference": self.preference,
            "preference_columns": with_license(PREFERENCE),
            "withheld": self.withheld,
            "figures": self.figures,
            "changes": self.changes,
            "masked": list(self._masked()),
            "private_removed": _sum_reasons(stages.values(), PRIVATE_REASONS),
            "private_found": self.private_found,
            "benchmarks": benchmarks(Path(self.config.corpus_dir), self.record.corpus),
            "quoted": quotes(self.folder, self.record.corpus),
            "models": list(self._models()),
            "judges": list(self._judges()),
            "gains": list(self._gains()),
            "prompts": read_prompts(stage["config"] for stage in stages.values()),
            "base_model": self._base(),
            "version": package_version(),
            "commands": commands(self.config, self.record),
            "configuration": [settings_of(name, stage["config"]) for name, stage in stages.items()],
        }

    def _stages(self) -> dict[str, Mapping[str, Any]]:
        stages: dict[str, Mapping[str, Any]] = {"corpus": self.record.corpus, "label": self.record.label}
        return {**stages, "refine": self.record.refine} if self.is_pairs else stages

    def _licence(self) -> Licence:
        licences = self.config.licences_of_sources()
        return self.config.known_licences.strictest(licences[source] for source in self.rows)

    def _sources(self) -> Iterator[dict[str, Any]]:
        for source, rows in self.rows.items():
            origin = self.config.origins()[source]
            shown = hub_link(origin, "datasets/") if HUB_ID.fullmatch(origin) else origin
            yield {
                "name": source,
                "rows": rows,
                "origin": shown,
                "licence": self.config.licences_of_sources()[source],
            }

    def _funnel(self) -> Iterator[dict[str, Any]]:
        for name, stage in self._stages().items():
            yield {
                "name": name,
                "rows_in": stage["rows_in"],
                "kept": stage["rows_kept"],
                "removed": stage["removed"],
                "not_best": stage.get(NOT_BEST, 0),
            }
        if self.withheld:
            published = sum(self.rows.values())
            withheld = sum(self.withheld.values())
            removed = {"withheld": withheld}
            counts = {"rows_in": published + withheld, "kept": published, "removed": removed, "not_best": 0}
            yield {"name": "publish", **counts}

    def _statistics(self) -> Iterator[dict[str, Any]]:
        found = spreads(self.folder)
        for column, name in MEASURED.items():
            if by_split := found.get(column):
                shown = [_show_spread(by_split.get(split)) for split in split_names(self.folder)]
                yield {"name": tr(name), "spreads": shown}

    def _masked(self) -> Iterator[dict[str, Any]]:
        placeholders = load_privacy(path_of(self.record.corpus["config"]["privacy"])).placeholders
        for kind, count in sorted(masked_items(self.folder).items()):
            yield {"name": kind, "placeholder": placeholders[kind], "count": count}

    def _roles(self) -> tuple[Role, ...]:
        return ("label", "chat") if self.is_pairs else ("label",)

    def _models(self) -> Iterator[dict[str, Any]]:
        for role in self._roles():
            model = self.record.asked[role]
            base = base_of(self.config, self.record, model)
            yield {
                "link": model_link(self.config, model),
                "did": tr(DID[role]),
                "base": hub_link(base) if base else "–",
                "identity": model.identity,
            }

    def _model_licences(self) -> list[Licence]:
        """Return the licences of the models that wrote the rows, each once."""
        models = [self.record.asked[role] for role in self._roles()]
        return list(dict.fromkeys(licence_of(self.config, self.record, model) for model in models))

    def _judges(self) -> Iterator[dict[str, Any]]:
        for name, judge in self.record.refine["judges"].items() if self.is_pairs else ():
            measured = {measure: with_bounds(judge, measure) for measure in ("auc", "accuracy")}
            yield {**judge, **measured, "name": name, "question": tr(QUESTIONS[name]), "right": judge["accuracy"]}

    def _gains(self) -> Iterator[dict[str, str]]:
        for folder in (self.config.gain_dirs or ()) if self.is_pairs else ():
            summary = finished_summary(folder)
            comparison = summary["comparison"]
            table, figure = to_markdown(gain_table(comparison)), figure_name(comparison)
            yield {"why": decision_of(summary), "table": table, "figure": figure if figure in self.figures else ""}

    def _base(self) -> str:
        """Return the model that the label model was trained from, or the label model if that is unknown."""
        model = self.record.asked["label"]
        base = base_of(self.config, self.record, model)
        return hub_link(base) if base else model_link(self.config, model)


def _with_decoding(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "decoding": decoding(config)}


def _sum_reasons(stages: Any, reasons: frozenset[str]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for stage in stages:
        total.update({reason: count for reason, count in stage["removed"].items() if reason in reasons})
    return dict(total)


def _show_spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    form = "{:.0f}" if spread.high >= 20 else "{:.2f}"
    return f"{form} ({form}–{form})".format(spread.middle, spread.low, spread.high)
