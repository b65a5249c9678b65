"""Options of the report stage."""

from dataclasses import dataclass
from pathlib import Path

from kun_recipes.config.options import option
from kun_recipes.config.types import OutputPath, StagePath
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import ConfigError
from kun_recipes.execution.summaries import RunFolders
from kun_recipes.reporting import FIGURES, PAGE
from kun_recipes.reporting.language import Language, language_option

WRITES = (PAGE, f"{FIGURES}/*")
"""Patterns of what the stage writes."""


@dataclass(kw_only=True)
class ReportConfig(RunFolders):
    """Write one self-contained page about a run: funnel, rows, figures, benchmarks, costs (Kun §4)."""

    title: str = option(help="title of the page")
    model_dirs: list[StagePath] | None = option(None, "folders of trained models; their losses and costs are shown")
    evaluation_dir: StagePath | None = option(None, "folder of the finished evaluate stage; null: omitted")
    statistics_dir: StagePath | None = option(None, "folder of the finished statistics stage; null: omitted")
    study_results: StagePath | None = option(None, "results.json of the finished study stage; null: omitted")
    stages: list[StagePath] | None = option(None, "folders of other finished stages with a report section")
    output_dir: OutputPath = option(help="folder of this stage: report.html, and every figure as a file")

    language: Language = language_option(affects_rows=True)
    rows: int = option(50, "number of finished rows shown with their full history, chosen by hash of their ids", min=0)
    examples: int = option(5, "number of removed rows shown per reason, chosen by hash of their ids", min=0, max=20)

    def check(self) -> None:
        names = [Path(folder).name for folder in self.model_dirs or []]
        if twice := first_repeated(names):
            raise ConfigError("model_dirs", f"two folders are named {twice}; rename one of them")
