"""The evaluate stage, model by model; recipes/model_evaluation.py lists what it writes."""

from rich.console import Console

from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.evaluation.inputs import evaluated_models, gather, sources
from kun_recipes.evaluation.pipelines import evaluate_model
from kun_recipes.evaluation.report import write_reports
from kun_recipes.evaluation.results import measure
from kun_recipes.evaluation.tables import results_tables
from kun_recipes.execution.counts import sum_counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.models.engines import check_installed
from kun_recipes.reporting.language import speaking


def run(config: EvaluateConfig) -> None:
    stage = StageFolder("evaluate", config)
    summary = stage.summary()
    if summary is None:
        check_installed(config.engine)
        asked = gather(config, sources(config))
        models = evaluated_models(config, stage)
        stage.begin()
        counts = sum_counts([evaluate_model(config, stage, model, asked) for model in models])
        results = measure(config, stage, models, asked)
        with speaking(config.language):
            write_reports(results, stage.folder)
        summary = stage.finish(counts, results=results)
    else:  # seconds: the language may be another
        with speaking(config.language):
            write_reports(summary["results"], stage.folder)
    report(summary, stage.folder)
    Console().print(*results_tables(summary["results"]), sep="\n")
