"""What a finished run leaves for people and for the model cards."""

from pathlib import Path
from typing import Any

from kun_recipes.data.atomic import write_json
from kun_recipes.evaluation.figure import scores_figure
from kun_recipes.evaluation.model_index import model_index
from kun_recipes.evaluation.tables import all_tables, score_table
from kun_recipes.reporting.drawing import save, style
from kun_recipes.reporting.tables import to_latex, to_markdown

RESULTS = "results.json"


def write_reports(results: dict[str, Any], folder: Path) -> None:
    """Write results.json, table.md, table.tex, figure.svg, figure.png and model_index/<model>.json."""
    write_json(folder / RESULTS, results)
    tables = all_tables(results)
    (folder / "table.md").write_text("\n".join(map(to_markdown, tables)), encoding="utf-8")
    (folder / "table.tex").write_text(to_latex(score_table(results)), encoding="utf-8")
    with style():
        save(scores_figure(results), folder / "figure")
    for model in results["models"]:
        write_json(folder / "model_index" / f"{model['name']}.json", model_index(results, model))
