"""The gain stage."""

from collections.abc import Container, Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from kun_recipes.chain.stage import Section, Stage, Summary
from kun_recipes.data.pairs import PairSet
from kun_recipes.models.engines import check_installed
from kun_recipes.models.prompts import load_prompt
from kun_recipes.reporting.language import tr
from kun_recipes.reporting.tables import to_rich
from kun_recipes.rounds.config import GainConfig
from kun_recipes.rounds.tables import INTRODUCTION, decision_of, figure_name, gain_table


class GainStage(Stage):
    """Compare two rounds on what neither was trained on, and say whether the later one helps (Kun §3)."""

    name, script = "gain", "recipes/gain.py"
    extra = "statistics"

    def config_class(self) -> type:
        return GainConfig

    def run(self, config: GainConfig) -> None:
        from kun_recipes.rounds.gain import run

        run(config)

    def check(self, config: GainConfig) -> None:
        check_installed(config.engine)

    def check_inputs(self, config: GainConfig, there: Container[str]) -> None:
        if config.seeds in there:
            PairSet(
                "seeds", config.seeds, config.instruction_column, config.output_column, config.seeds_part()
            ).check()
        load_prompt(config.label_prompt, {"segment"})

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        yield Text(f"{name}: {summary['why']}")

    def details(self, config: GainConfig, summary: Summary) -> Iterator[RenderableType]:
        yield to_rich(gain_table(summary["comparison"]))

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section:
        from kun_recipes.reporting.drawing import save, style
        from kun_recipes.rounds.figures import CAPTION, gain_figure

        comparison = summary["comparison"]
        with style():
            save(gain_figure(comparison), figures / figure_name(comparison))
        return Section(
            tr("Does {after} help", after=comparison["after"]),
            tr("{decision}. {more}", decision=decision_of(summary), more=tr(INTRODUCTION)),
            figures={figure_name(comparison): tr(CAPTION)},
            tables=(gain_table(comparison),),
        )


GAIN = GainStage()
