"""Closing output of a run: the funnel, the measurements, the folders, and what to look at next."""

from pathlib import Path

from rich.console import Console

from kun_recipes.chain.recipe import Chain
from kun_recipes.data.atomic import write_json
from kun_recipes.reporting.funnel import funnel_table, run_summary


def conclude(chain: Chain, console: Console) -> None:
    """Write summary.json in the run's folder, and print what the stages say of themselves."""
    summaries = {stage.name: summary for stage in chain.stages if (summary := stage.summary())}
    finished = [stage for stage in chain.stages if stage.name in summaries]
    output = Path(chain.run.output_dir)
    write_json(output / "summary.json", run_summary(summaries))
    console.print(funnel_table(summaries))
    for stage in finished:
        for line in stage.kind.headlines(stage.name, summaries[stage.name]):
            console.print(line)
    for stage in finished:
        console.print(f"{stage.name}: {stage.folder}", markup=False, highlight=False)
    console.print(f"all counts: {output / 'summary.json'}", markup=False, highlight=False)
    for stage in finished:
        for part in stage.kind.details(stage.config, summaries[stage.name]):
            console.print(part, markup=False, highlight=False)
