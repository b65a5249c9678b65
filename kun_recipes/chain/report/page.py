"""The page: one HTML file that asks for nothing outside itself, its figures and the glyphs it needs included."""

import base64
import io
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import jinja2
from fontTools import subset

from kun_recipes.chain.report.config import ReportConfig
from kun_recipes.chain.report.costs import cost_table, training_table
from kun_recipes.chain.report.gather import Evidence
from kun_recipes.chain.report.sankey import funnel_figure
from kun_recipes.evaluation.report import scores_figure
from kun_recipes.evaluation.tables import all_tables
from kun_recipes.reporting import FIGURES, PAGE
from kun_recipes.reporting.drawing import FONT_FILE, save, style
from kun_recipes.statistics.report import write_figures
from kun_recipes.studies.figures import write_figures as draw_study
from kun_recipes.studies.report import VOTERS, notes, study_tables

TEMPLATE = "report.html.jinja"

CAPTIONS = {
    "lengths": "Lengths of instructions and outputs, in tokens.",
    "sources": "Rows by source.",
    "topics": "Disciplines, sectors and text types, as a model says and says again; the ten most frequent.",
    "years": "Years that the texts mention, the last twenty.",
    "forms": "Forms of instructions: questions, imperatives, others.",
}
"""The figures of the statistics stage, in the order in which they are shown."""

STUDY_CAPTIONS = {
    "identical_ratings": "Items on which all annotators said the same, some did, or nobody did.",
    "output_grades": "Grades of the outputs, by source.",
    "win_matrix": "The share of its points that the model of the row took from the model of the column; a tie is half "
    "a point for each.",
    "wins_and_losses": "Wins, ties and losses of each model against every other.",
    "ranking": "Bradley–Terry ratings, 400 points for odds of ten to one, with 95% intervals over prompts.",
}
"""Likewise the study's; their files have who voted before the name."""


def write_report(config: ReportConfig, evidence: Evidence) -> Path:
    """Write every figure and the page; returns the page's path. Nothing of the rows reaches it unescaped."""
    folder = Path(config.output_dir)
    draw_figures(evidence, folder / FIGURES)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((files("kun_recipes.chain.report") / TEMPLATE).read_text(encoding="utf-8"))
    values = _values(config, evidence, folder / FIGURES)
    without_font = template.render(**values, font="")
    page = template.render(**values, font=embedded_font(without_font))
    partial = folder / f"{PAGE}.partial"
    partial.write_text(page, encoding="utf-8", errors="replace")
    return partial.replace(folder / PAGE)


def draw_figures(evidence: Evidence, folder: Path) -> None:
    """Write the figures as files for a paper, SVG and PNG."""
    with style():
        save(funnel_figure(evidence.stages), folder / "funnel")
        if evidence.evaluation:
            save(scores_figure(evidence.evaluation["results"]), folder / "benchmarks")
    if evidence.statistics:
        write_figures(evidence.statistics["statistics"], folder)
    if evidence.study:
        for task, voter in evidence.study.drawn().items():
            draw_study({task: evidence.study.results[voter]["votes"][task]}, folder, f"{voter}_")


def embedded_font(text: str) -> str:
    """The glyphs of a text as a WOFF in base64, for readers whose system has no Chinese font."""
    options = subset.Options(flavor="woff", layout_features=[], hinting=False)
    with as_file(FONT_FILE) as path:
        font = subset.load_font(str(path), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    buffer = io.BytesIO()
    subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode()


def _values(config: ReportConfig, evidence: Evidence, figures: Path) -> Mapping[str, Any]:
    stages = evidence.all_stages()
    return {
        "title": config.title,
        "version": version("kun-recipes"),
        "evidence": evidence,
        "figures": {path.stem: _data_address(path) for path in sorted(figures.glob("*.svg"))},
        "trainings": training_table(evidence.trainings) if evidence.trainings else None,
        "benchmarks": all_tables(evidence.evaluation["results"]) if evidence.evaluation else [],
        "captions": CAPTIONS,
        "study": list(study_tables(evidence.study.results)) if evidence.study else [],
        "study_notes": list(notes(evidence.study.results)) if evidence.study else [],
        "study_captions": {f"{voter}_{name}": caption for name, caption in STUDY_CAPTIONS.items() for voter in VOTERS},
        "voters": VOTERS,
        "costs": cost_table(stages, evidence.tokens),
        "examples": config.examples,
    }


def _data_address(svg: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()
