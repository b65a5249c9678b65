"""Base class of the stages: one declaration serves running, planning, submitting, status and report."""

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import orjson
from rich.console import RenderableType

from kun_recipes.chain.plan.assumptions import Assumptions
from kun_recipes.chain.plan.work import Flow, Work
from kun_recipes.data.folders import SUMMARY
from kun_recipes.execution.asked import describe
from kun_recipes.execution.failed import leave_out, left_out
from kun_recipes.execution.rounds import left_out_with_round
from kun_recipes.installed import require_extras
from kun_recipes.reporting.tables import Table

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """Section of a finished stage in the report.

    Attributes:
        introduction, notes: sentences at its beginning; notes are warnings.
        headline: sentence on how good the result is, for the first screen of the report.
        figures: captions of the figures that it drew, by their names.
        tables: the first `open_tables` of them are shown, the others folded.
    """

    title: str
    introduction: str = ""
    notes: tuple[str, ...] = ()
    headline: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    open_tables: int = 1


class Stage:
    """A stage of the chain.

    A new stage is a subclass in a module of its own in `kun_recipes.chain.stages`, named in `all_stages`, a script,
    and its YAML files. The path types of its config class say what it reads and writes.

    Attributes:
        name: of its YAML file, and of its folder in the run's.
        script: that runs it.
        summary_file: written last, in its output_dir; a folder without it is not finished.
        writes: patterns of the files that it writes into its folder besides `kun_recipes.data.folders.STAGE_FILES`;
            `--fresh` does not remove a folder with other files.
        extra: of setup.cfg, which installs what it imports; "": the package's own requirements are enough.
        devices: what it runs on: "cores", "gpus" of the model that it asks, or "training", by accelerate on all GPUs.
        optional: options whose paths it can do without, where the stage that writes them failed: its config has
            `without_failed`.
        rows_from: the option that names the rows which it keeps or removes one by one; None: it has none.
        plan_section, assumptions: name of its section of plan.yaml, and the class of that; None: a plan leaves it out.
    """

    name: str
    script: ClassVar[str]
    summary_file: ClassVar[str] = SUMMARY
    writes: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = "generate"
    devices: ClassVar[Literal["cores", "gpus", "training"]] = "gpus"
    optional: ClassVar[tuple[str, ...]] = ()
    rows_from: ClassVar[str | None] = None
    plan_section: ClassVar[str] = ""
    assumptions: ClassVar[type | None] = None

    def config_class(self) -> type:
        """Return the dataclass of its options. Imported here where that takes seconds, or needs an extra."""
        raise NotImplementedError

    def run(self, config: Any) -> None:
        """Run it, or find that it is complete."""
        raise NotImplementedError

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Run it as a script."""
        from kun_recipes.cli import main, mistakes_in_one_line

        with mistakes_in_one_line():
            require_extras({self.name: self.extra})
        main(self.config_class(), self._run_left, argv)

    def _run_left(self, config: Any) -> None:
        if why := left_out_with_round(config):
            print(f"{self.name}: {why}", file=sys.stderr)
            return
        left = self.left(config)
        for paths in left_out(left).values():
            for path in paths:
                print(f"{self.name}: continues without {path}, which is not finished", file=sys.stderr)
        self.run(left)

    def left(self, config: Any) -> Any:
        """Return the config that it runs with: without the optional inputs that failed."""
        return leave_out(config, self.optional) if self.optional else config

    def asked(self, config: Any) -> dict[str, Any]:
        """Return what of a config decides the rows, as its summary keeps it."""
        return describe(config)

    def check(self, config: Any) -> None:
        """Raise UserError, before any stage runs, for what would only fail after hours."""

    def check_inputs(self, config: Any, there: Container[str]) -> None:
        """Raise UserError, before any stage runs, for an input that it could not use.

        Args:
            there: paths of the config that can be read now; the others an earlier stage writes, or the Hub has.
        """

    def most_rows(self, config: Any, read: float) -> float:
        """Return the most rows that it can write, of those that it reads."""
        return read

    def repeats(self, config: Any) -> bool:
        """Return whether it runs again although it is finished: what it does lies elsewhere, too."""
        return False

    def progress(self, folder: Path) -> str:
        """Return how far it is, for the status of a run; "" where it has not begun."""
        return pipeline_progress(folder)

    def headlines(self, name: str, summary: Summary) -> Iterator[RenderableType]:
        """Yield what it measured, one line each, for the end of a run; `name` is that of the stage in this run."""
        yield from ()

    def details(self, config: Any, summary: Summary) -> Iterator[RenderableType]:
        """Yield the rows, tables and places that a person looks at next."""
        yield from ()

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section | None:
        """Draw its figures into a folder, as SVG and PNG, and return its section of the report; None without one.

        Args:
            folder: of the stage.
            figures: of the report.
        """
        return None

    def is_planned(self) -> bool:
        """Return whether a plan has it."""
        return self.assumptions is not None

    def work(self, config: Any, known: Assumptions, flow: Flow, devices: int) -> Work:
        """Return what it does to the rows and what that takes. Only for a stage that is planned."""
        raise NotImplementedError

    def measured(self, summary: Summary, folder: Path, section: Any) -> Any:
        """Return its section of plan.yaml with the rates that a finished small run measured in its folder."""
        return section

    def warnings(self, config: Any, flow: Flow, used: int, offered: int) -> Iterator[str]:
        """Yield what will not go as configured.

        Args:
            used, offered: devices that it runs on, and that there are.
        """
        yield from ()


def pipeline_progress(folder: Path) -> str:
    """Return the shards done of all in the datatrove pipeline that a stage is at."""
    pipelines = [path.parent for path in (folder / "logs").glob("*/executor.json")]
    if not pipelines:
        return ""
    latest = max(pipelines, key=lambda path: (path / "executor.json").stat().st_mtime)
    tasks = orjson.loads((latest / "executor.json").read_bytes())["world_size"]
    return f"{latest.name}: {len(list((latest / 'completions').glob('*')))} of {tasks} shards"
