"""The page: one HTML file that asks for nothing outside itself, its figures and the glyphs it needs included."""

import base64
import io
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import jinja2
from fontTools import subset

from kun_recipes.chain.report.config import ReportConfig
from kun_recipes.chain.report.gather import Evidence
from kun_recipes.chain.report.sankey import funnel_figure
from kun_recipes.chain.stage import Section
from kun_recipes.data.atomic import whole_or_not_at_all
from kun_recipes.reporting import FIGURES, PAGE
from kun_recipes.reporting.drawing import FONT_FILE, save, style
from kun_recipes.reporting.funnel import with_bounds
from kun_recipes.reporting.language import named, retold, speaking, stage_name, tr
from kun_recipes.reporting.tables import Table

TEMPLATE = "report.html.jinja"


def write_report(config: ReportConfig, evidence: Evidence) -> Path:
    """Write every figure and the page; returns the page's path. Nothing of the rows reaches it unescaped."""
    with speaking(config.language):
        return _write(config, evidence, Path(config.output_dir))


def _write(config: ReportConfig, evidence: Evidence, folder: Path) -> Path:
    sections = draw_sections(evidence, folder / FIGURES)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["tr"] = tr
    environment.filters |= {"named": named, "retold": retold, "stage_name": stage_name}
    template = environment.from_string((files("kun_recipes.chain.report") / TEMPLATE).read_text(encoding="utf-8"))
    values = _values(config, evidence, sections, folder / FIGURES)
    without_font = template.render(**values, font="")
    page = template.render(**values, font=embedded_font(without_font))
    with whole_or_not_at_all(folder / PAGE) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return folder / PAGE


def draw_sections(evidence: Evidence, figures: Path) -> list[Section]:
    """Draw the funnel, and have each stage draw its figures and make its section."""
    from kun_recipes.chain.all_stages import ALL_STAGES  # which declares the stage that this is part of

    with style():
        save(funnel_figure(evidence.stages), figures / "funnel")
    made = (
        ALL_STAGES[one.summary["stage"]].report_section(one.summary, one.folder, figures)
        for one in evidence.sections.values()
    )
    return [section for section in made if section]


def embedded_font(text: str) -> str:
    """Return the glyphs of a text as a WOFF in base64, for readers whose system has no Chinese font."""
    options = subset.Options(flavor="woff", layout_features=[], hinting=False)
    with as_file(FONT_FILE) as path:
        font = subset.load_font(str(path), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    buffer = io.BytesIO()
    subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode()


def _values(config: ReportConfig, evidence: Evidence, sections: list[Section], figures: Path) -> Mapping[str, Any]:
    stages = evidence.all_stages()
    return {
        "title": config.title,
        "language": config.language,
        "version": version("kun-recipes"),
        "evidence": evidence,
        "figures": {path.stem: _data_address(path) for path in sorted(figures.glob("*.svg"))},
        "trainings": training_table(evidence.trainings) if evidence.trainings else None,
        "sections": sections,
        "costs": cost_table(stages, evidence.tokens),
        "examples": config.examples,
        "with_bounds": with_bounds,
    }


def _data_address(svg: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode()


def cost_table(stages: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> Table:
    """Return the time, rows and tokens of each stage, one line per stage.

    Args:
        stages: summaries by the stage's name.
        tokens: written or trained on, by the stage's name.
    """
    head = ("stage", "seconds", "rows", "rows/s", "tokens", "tokens/s")
    rows = [_line(name, summary["seconds"], summary["rows_in"], tokens.get(name)) for name, summary in stages.items()]
    total = sum(summary["seconds"] for summary in stages.values())
    rows.append((tr("all"), _number(total), "", "", "", ""))
    return Table(tr("Cost of each stage"), tuple(map(tr, head)), tuple(rows))


def _line(name: str, seconds: float, rows: int, tokens: int | None) -> tuple[str, ...]:
    written = ("", "") if tokens is None else (_number(tokens), _rate(tokens, seconds))
    return (stage_name(name), _number(seconds), _number(rows), _rate(rows, seconds), *written)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _rate(count: float, seconds: float) -> str:
    return f"{count / seconds:,.2g}" if 0 < count / max(seconds, 1e-9) < 10 else f"{count / max(seconds, 1e-9):,.0f}"


def training_table(trainings: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the losses, tokens and time of each training."""
    head = ("model", "pairs", "update steps", "held-out loss before", "after", "tokens", "tokens/s", "seconds")
    return Table(tr("Trainings; loss in nats per token"), tuple(map(tr, head)), tuple(_trainings(trainings.items())))


def _trainings(trainings: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterable[tuple[str, ...]]:
    for name, summary in trainings:
        losses = (summary.get("held_out_loss_before"), summary.get("held_out_loss_after"))
        yield (
            stage_name(name),
            _number(summary["rows_kept"]),
            _number(summary["steps"]),
            *("–" if loss is None else f"{loss:.2f}" for loss in losses),
            _number(summary["tokens"]),
            _rate(summary["throughput"]["tokens_per_second"], 1),
            _number(summary["seconds"]),
        )
