"""The report stage; recipes/report.py lists what it writes."""

from pathlib import Path

from kun_recipes.chain.report.config import WRITES, ReportConfig
from kun_recipes.chain.report.gather import gather
from kun_recipes.chain.report.page import write_report
from kun_recipes.data.folders import discard
from kun_recipes.execution.counts import Counts
from kun_recipes.execution.folder import StageFolder, report
from kun_recipes.reporting import PAGE


def run(config: ReportConfig) -> None:
    stage = StageFolder("report", config)
    if stage.is_outdated():  # takes seconds, and people may have voted since: rebuilt without asking
        discard(stage.folder, WRITES)
    summary = stage.summary()
    if summary is None:
        evidence = gather(config)
        stage.begin()
        write_report(config, evidence)
        kept = evidence.stages["refine"]["rows_kept"]
        summary = stage.finish(Counts(read=kept, rows_in=kept, rows_out=kept))
    report(summary, stage.folder)
    print(f"open {Path(config.output_dir) / PAGE}")
