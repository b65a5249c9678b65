"""Read the folders of a finished run, as the report shows them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kun_recipes.chain.report.config import ReportConfig
from kun_recipes.config.values import first_repeated
from kun_recipes.data import schema
from kun_recipes.data.folders import content_of, path_of
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError
from kun_recipes.execution.summaries import finished_summary, finished_training, read_stages
from kun_recipes.reporting.funnel import sample_rows
from kun_recipes.reporting.tally import Tally

Summary = Mapping[str, Any]

WRITTEN = {"label": schema.INSTRUCTION_TOKENS, "refine": schema.OUTPUT_TOKENS}
"""The column that counts the tokens that a stage's model wrote, in rows kept and in those removed afterwards."""


@dataclass(frozen=True)
class Reason:
    """A reason for which a block removed rows, and these rows in numbers and examples.

    Attributes:
        block: its folder's name without the number.
    """

    block: str
    name: str
    tally: Tally


class FinishedStage(NamedTuple):
    """A stage whose declaration makes a section of the page."""

    summary: Summary
    folder: Path


@dataclass(frozen=True)
class Evidence:
    """Summaries and rows of a run, for its report.

    Attributes:
        stages: summaries of corpus, label and refine, in this order.
        removed: what each of them removed.
        trainings: summaries by the model's name.
        sections: further finished stages, by name.
        tokens: written by models or trained on, by stage.
        rows: finished rows, chosen by hash.
    """

    stages: Mapping[str, Summary]
    removed: dict[str, list[Reason]]
    trainings: Mapping[str, Summary]
    sections: dict[str, FinishedStage]
    tokens: dict[str, int]
    rows: list[Mapping[str, Any]]

    def all_stages(self) -> dict[str, Summary]:
        """Return every summary, in the order in which the stages run."""
        final = {name: one for name, one in self.trainings.items() if self.follows_refine(one)}
        first = {name: one for name, one in self.trainings.items() if name not in final}
        stages = {"corpus": self.stages["corpus"], **first, "label": self.stages["label"]}
        stages |= {"refine": self.stages["refine"], **final}
        return stages | {name: one.summary for name, one in self.sections.items()}

    def follows_refine(self, training: Summary) -> bool:
        """Tell if a model was trained from the one that refined the rows: a final model."""
        began, refined = training["config"]["model_name_or_path"], self.stages["refine"]["config"]["model"]
        return bool(content_of(began) == content_of(refined))

    def settings(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the config of each stage without the options that are null."""
        for name, summary in self.all_stages().items():
            values = {key: path_of(value) for key, value in summary["config"].items()}
            yield name, {key: value for key, value in values.items() if value is not None}


def read_sections(config: ReportConfig) -> dict[str, FinishedStage]:
    """Read the finished stages that are not in the chain of rows, in the order of the options.

    Raises:
        UserError: one of them is not finished.
    """
    if config.study_results and not Path(config.study_results).is_file():
        finished_summary(Path(config.study_results).parent)
        raise UserError(f"{config.study_results}: no such file; recipes/study.py writes it")
    study = Path(config.study_results).parent if config.study_results else None
    folders = filter(None, (config.evaluation_dir, config.statistics_dir, study, *(config.stages or ())))
    found = [FinishedStage(finished_summary(folder), Path(folder)) for folder in folders]
    names = [_section_name(one) for one in found]
    if double := first_repeated(["corpus", "label", "refine", *names]):
        raise UserError(f"stages: {double} is given twice; give each stage once")
    return dict(zip(names, found, strict=True))


def _section_name(one: FinishedStage) -> str:
    """Return the stage's name; one that compares rounds is known by the later of them, too."""
    comparison = one.summary.get("comparison")
    return f"{one.summary['stage']} {comparison['after']}" if comparison else one.summary["stage"]


def gather(config: ReportConfig) -> Evidence:
    """Read the folders that a config names.

    Raises:
        UserError: a stage or a training is not finished, or they are not of one run.
    """
    stages = read_stages(config)
    folders = {"corpus": config.corpus_dir, "label": config.label_dir, "refine": config.refine_dir}
    trainings = {Path(folder).name: finished_training(folder) for folder in config.model_dirs or []}
    tokens = {name: written_tokens(Path(folders[name]), column) for name, column in WRITTEN.items()}
    return Evidence(
        stages,
        {name: removed_by(Path(folder) / "removed") for name, folder in folders.items()},
        trainings,
        read_sections(config),
        tokens | {name: training["tokens"] for name, training in trainings.items()},
        sample_rows(read_rows(Path(config.refine_dir) / "rows"), config.rows),
    )


def removed_by(folder: Path) -> list[Reason]:
    """Return the reasons of a stage, blocks in the order of its pipeline."""
    found: dict[tuple[str, str], Tally] = {}
    for block in sorted(path for path in folder.glob("*") if any(path.glob("*.jsonl*"))):
        for row in read_rows(block):
            found.setdefault((block.name, row[schema.REASON]), Tally()).add(row)
    return [Reason(block.split("_", 1)[1], name, tally) for (block, name), tally in found.items()]


def written_tokens(folder: Path, column: str) -> int:
    """Count the tokens that a stage's model wrote, in all rows and further candidates."""
    return sum(row.get(column) or 0 for row in read_rows(folder / "measured"))
