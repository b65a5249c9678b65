"""The statistics stage; recipes/data_statistics.py lists its columns and what it writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from kun_recipes.data.atomic import write_json
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.models.engines import check_installed
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import load_prompt
from kun_recipes.models.resolve import model_identity, pinned_model
from kun_recipes.reporting.language import speaking
from kun_recipes.statistics.config import DATASET, StatisticsConfig
from kun_recipes.statistics.pipelines import ask_topics, lists_of, measure_sets, topics_by_set
from kun_recipes.statistics.report import overview, write_figures
from kun_recipes.statistics.topic_asking import FIELDS


def measure(config: StatisticsConfig, stage: StageFolder) -> tuple[dict, Counts]:
    """Return all statistics, and the counts of the pairs that the model was asked about; without topics, of all."""
    sets = [config.dataset_set(), *config.reference_sets()]
    for one in sets:
        one.check()
    lists_of(config), load_prompt(config.topic_prompt, FIELDS)
    if config.topics:
        check_installed(config.engine)
    model = pinned_model(stage, config.model, config.model_revision)
    tokenizer = ChatTokenizer.load(Path(model), plain=not config.topics)
    stage.begin()
    figures, samples = measure_sets(config, stage, sets, tokenizer)
    rows = figures[DATASET]["rows"]
    counts = Counts(rows, rows, rows)
    if config.topics:
        asked = {
            name: pairs[: config.topic_rows]
            for name, pairs in samples.items()
            if name == DATASET or config.topic_references
        }
        counts = ask_topics(config, stage, model, asked)
        for name, topics in topics_by_set(config, stage, asked).items():
            figures[name]["topics"] = topics
    about = {
        "tokenizer": Path(model).name,
        "topic_model": model_identity(model) if config.topics else None,
        "repeats": config.repeats if config.topics else 0,
        "reference_year": config.reference_year,
    }
    return {**about, "sets": figures}, counts


def draw(config: StatisticsConfig, statistics: Mapping[str, Any], folder: Path) -> None:
    with speaking(config.language):
        write_figures(statistics, folder / "figures")


def run(config: StatisticsConfig) -> None:
    stage = StageFolder("statistics", config)
    summary = stage.summary()
    if summary is None:
        statistics, counts = measure(config, stage)
        write_json(stage.folder / "statistics.json", statistics)
        draw(config, statistics, stage.folder)
        summary = stage.finish(counts, statistics=statistics)
    else:  # seconds: the language may be another
        draw(config, summary["statistics"], stage.folder)
    report(summary, stage.folder)
    Console().print(overview(summary["statistics"]["sets"]))
