"""The statistics stage."""

from collections.abc import Container
from pathlib import Path

from kun_recipes.chain.stage import Section, Stage, Summary
from kun_recipes.models.engines import check_installed
from kun_recipes.models.prompts import load_prompt
from kun_recipes.reporting.language import listed, tr
from kun_recipes.statistics.config import StatisticsConfig

CAPTIONS = {
    "lengths": "Lengths of instructions and outputs, in tokens.",
    "sources": "Rows by source.",
    "topics": "Disciplines, sectors and text types, where repeated answers of a model agree; the ten most frequent.",
    "years": "Years that the texts mention: the twenty up to the reference year.",
    "forms": "Forms of instructions: questions, imperatives, others.",
}
INTRODUCTION = "Sets that were measured: {sets}. All numbers are in the stage's statistics.json."


class StatisticsStage(Stage):
    """Measure what the dataset is made of (Kun §4.2.1)."""

    name, script = "statistics", "recipes/data_statistics.py"
    extra = "statistics"
    writes = ("statistics.json", "figures/*")

    def config_class(self) -> type:
        return StatisticsConfig

    def run(self, config: StatisticsConfig) -> None:
        from kun_recipes.statistics.statistics import run

        run(config)

    def check(self, config: StatisticsConfig) -> None:
        if config.topics:
            check_installed(config.engine)

    def check_inputs(self, config: StatisticsConfig, there: Container[str]) -> None:
        from kun_recipes.statistics.pipelines import lists_of
        from kun_recipes.statistics.topic_asking import FIELDS

        for one in [config.dataset_set(), *config.reference_sets()]:
            if one.path in there:
                one.check()
        lists_of(config)
        load_prompt(config.topic_prompt, FIELDS)

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section:
        from kun_recipes.statistics.report import set_name, write_figures

        write_figures(summary["statistics"], figures)
        sets = listed(map(set_name, summary["statistics"]["sets"]))
        return Section(
            tr("Statistics of the pairs"),
            tr(INTRODUCTION, sets=sets),
            figures={name: tr(caption) for name, caption in CAPTIONS.items() if (figures / f"{name}.svg").is_file()},
        )


STATISTICS = StatisticsStage()
