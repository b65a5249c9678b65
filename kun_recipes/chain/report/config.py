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

    title: str = option(help="of the page")
    model_dirs: list[StagePath] | None = option(None, "folders of trained models: their losses and costs")
    evaluation_dir: StagePath | None = option(None, "folder of the finished evaluate stage; null: left out")
    statistics_dir: StagePath | None = option(None, "folder of the finished statistics stage; null: left out")
    study_results: StagePath | None = option(None, "results.json of the finished study stage; null: left out")
    stages: list[StagePath] | None = option(None, "folders of further finished stages that have a section to show")
    output_dir: OutputPath = option(help="folder of this stage: report.html, and every figure as a file")

    language: Language = language_option(affects_rows=True)
    rows: int = option(50, "finished rows shown with their whole history, chosen by the hash of their ids", min=0)
    examples: int = option(5, "removed rows shown of each reason, chosen likewise", min=0, max=20)

    def check(self) -> None:
        names = [Path(folder).name for folder in self.model_dirs or []]
        if twice := first_repeated(names):
            raise ConfigError("model_dirs", f"two of them are called {twice}; rename one's folder")
