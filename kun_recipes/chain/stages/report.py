"""The report stage."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from kun_recipes.chain.report.config import WRITES, ReportConfig
from kun_recipes.chain.stage import Stage, Summary
from kun_recipes.reporting import PAGE


class ReportStage(Stage):
    """Write one page about the run (Kun §4)."""

    name, script, devices = "report", "recipes/report.py", "cores"
    extra = "report"
    writes = WRITES
    optional = ("model_dirs", "evaluation_dir", "statistics_dir", "study_results", "stages")

    def config_class(self) -> type:
        return ReportConfig

    def run(self, config: ReportConfig) -> None:
        from kun_recipes.chain.report.report import run

        run(config)

    def details(self, config: ReportConfig, summary: Summary) -> Iterator[RenderableType]:
        yield Text(f"full report, to open in a browser: {Path(config.output_dir, PAGE).resolve()}")


REPORT = ReportStage()
