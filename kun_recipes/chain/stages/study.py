"""The study stage."""

from collections.abc import Container
from pathlib import Path

import orjson

from kun_recipes.chain.stage import Section, Stage, Summary
from kun_recipes.data.folders import ROWS
from kun_recipes.models.engines import check_installed
from kun_recipes.reporting.language import listed, named, tr
from kun_recipes.studies.config import StudyConfig

CAPTIONS = {
    "identical_ratings": "Items on which all annotators agreed, some agreed, or none agreed.",
    "output_grades": "Grades of the outputs, by source.",
    "win_matrix": "Share of the points that the model of the row won against the model of the column; a tie gives "
    "half a point to each.",
    "wins_and_losses": "Wins, ties and losses of each model against every other.",
    "ranking": "Bradley–Terry ratings, 400 points for odds of ten to one, with 95% intervals over prompts.",
}
"""By the name of a figure; its file has before it who voted."""


class StudyStage(Stage):
    """Choose what is judged, have models answer, and count the votes (Kun §4.2.2, §4.2.3)."""

    name, script = "study", "recipes/study.py"
    extra = "study"
    writes = (
        f"answers/{ROWS}",
        f"judged/{ROWS}",
        "quality.jsonl",
        "preference.jsonl",
        "results.json",
        "tables.*",
        "figures/*",
    )
    optional = ("models",)

    def config_class(self) -> type:
        return StudyConfig

    def run(self, config: StudyConfig) -> None:
        from kun_recipes.annotation.storage import read_votes
        from kun_recipes.studies.study import run

        run(config, read_votes)

    def check(self, config: StudyConfig) -> None:
        if config.judge or config.prompts:
            check_installed(config.engine)

    def check_inputs(self, config: StudyConfig, there: Container[str]) -> None:
        from kun_recipes.studies.inputs import read_prompts
        from kun_recipes.studies.rubric import JudgePrompts

        if config.prompts is not None and config.prompts in there:
            read_prompts(config.prompts, config.prompt_limit)
        JudgePrompts.load(config)

    def repeats(self, config: StudyConfig) -> bool:
        return config.votes is not None  # people may have voted meanwhile

    def report_section(self, summary: Summary, folder: Path, figures: Path) -> Section:
        from kun_recipes.studies.figures import write_figures
        from kun_recipes.studies.report import VOTERS, headline, notes, study_tables, voters_shown, votes_drawn

        results = orjson.loads((folder / "results.json").read_bytes())
        shown = voters_shown(results)
        for task, voter in shown.items():
            write_figures({task: votes_drawn(results, voter)[task]}, figures, f"{voter}_")
        by = listed(
            tr("{task} as judged by {voter}", task=named(task, "study"), voter=tr(VOTERS[voter]))
            for task, voter in shown.items()
        )
        shown_by = tr(" The figures show {by}.", by=by) if by else ""
        captions = {f"{voter}_{name}": tr(caption) for name, caption in CAPTIONS.items() for voter in VOTERS}
        tables = tuple(study_tables(results))
        return Section(
            tr("Study"),
            tr("Verdicts on the pairs and on the models' answers.") + shown_by,
            tuple(notes(results)),
            headline(results),
            {name: caption for name, caption in captions.items() if (figures / f"{name}.svg").is_file()},
            tables,
            len(tables),
        )


STUDY = StudyStage()
