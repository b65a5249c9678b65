"""Run a whole recipe: every stage in order, skipping what is complete; here, or as jobs on Slurm.

    python recipes/run.py recipes/demo
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --plan
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --status

`--field value` replaces a value of run.yaml, or of every stage that has the field; `--stage.field value` that of one
stage: `python recipes/run.py recipes/demo --output_dir outputs/other --label.temperature 0.5`.
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from huggingface_hub import HfApi
from rich.console import Console
from rich.text import Text

from kun_recipes.chain import (
    EVALUATE,
    PUBLISH,
    REFINE,
    REPORT,
    Chain,
    StageRun,
    elapsed,
    load_chain,
    remove_from,
    run_stage,
)
from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.hardware import cluster_hardware
from kun_recipes.chain.cluster.status import DONE, show_statuses, statuses
from kun_recipes.chain.cluster.submission import leading_jobs, refuse_running, steps, submit_all
from kun_recipes.chain.plan import Hardware, estimate, load_figures, read_sample, show
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.config.options import load
from kun_recipes.data.atomic import write_json
from kun_recipes.data.rows import read_rows
from kun_recipes.errors import UserError
from kun_recipes.evaluation.tables import results_tables
from kun_recipes.execution.devices import visible_gpus
from kun_recipes.models.engines import check_installed
from kun_recipes.models.options import EngineConfig
from kun_recipes.publishing.hub import check_account
from kun_recipes.reporting import PAGE
from kun_recipes.reporting.funnel import funnel_table, judge_lines, row_panel, run_summary, sample_rows, training_lines

ANYWHERE = (".", "/")


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe, such as recipes/demo")
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="run only these")
    parser.add_argument("--from", dest="first", metavar="STAGE", help="run this stage and those after it")
    parser.add_argument(
        "--fresh", action="store_true", help="remove what the selected stages wrote before, and run them anew"
    )
    parser.add_argument("--slurm", metavar="CLUSTER", help="submit the stages as jobs, to this file's cluster")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--plan", action="store_true", help="print what each stage will take, and run nothing")
    doing.add_argument("--dry-run", action="store_true", help="with --slurm: print every job's script, submit nothing")
    doing.add_argument("--status", action="store_true", help="with --slurm: how far each stage is, and what failed")
    parser.add_argument("--sample", metavar="FOLDER", help="with --plan: a finished corpus stage to take rates from")
    return parser.parse_known_args()


def check_engines(selected: Sequence[StageRun]) -> None:
    """Raise UserError before an hour of training if what labels or refines is not installed."""
    for stage in selected:
        if isinstance(stage.config, EngineConfig) and not stage.complete:
            check_installed(stage.config.engine)


def check_pushes(selected: Sequence[StageRun]) -> None:
    """Raise UserError before any work if the Hub would refuse what the run ends in."""
    for stage in selected:
        if stage.kind is PUBLISH and stage.config.push:
            check_account(stage.config, HfApi())


def run_here(chain: Chain, selected: Sequence[StageRun], console: Console) -> UserError | None:
    """Run what is missing; returns what kept the publish stage from its end, for nothing else waits for that."""
    output = Path(chain.run.output_dir)
    width = max(len(stage.name) for stage in chain.stages)
    for stage in selected:
        begun = time.monotonic()
        state = "complete"
        if not stage.complete:
            state = "done"
            with console.status(stage.name) as status:

                def show_line(line: str, stage=stage, begun=begun, status=status) -> None:
                    line = line[: console.width - width - 12]
                    # as Text, for a stage's own brackets are no markup
                    status.update(Text(f"{stage.name:{width}} {elapsed(begun)}  {line}"))

                try:
                    run_stage(stage, output / "logs" / f"{stage.name}.log", show_line)
                except UserError as error:
                    if stage.kind is not PUBLISH:
                        raise
                    return error
        figures = stage.summary()
        if figures is None:
            raise UserError(
                f"{stage.name} ended without its summary; its log: {output / 'logs' / f'{stage.name}.log'}"
            )
        counts = f"{figures['rows_in']} rows in, {figures['rows_kept']} kept"
        console.print(f"{stage.name:{width}} {elapsed(begun):>6}  {state}: {counts}", highlight=False, markup=False)
    return None


def submit(
    chain: Chain, selected: Sequence[StageRun], cluster: ClusterConfig, recipe: str, fresh: bool, console: Console
) -> None:
    check_pushes(selected)
    if fresh:
        refuse_running(selected)
        remove_from(selected)
    check_engines(selected)

    def tell(stage: str, outcome: str) -> None:
        console.print(f"{stage}: {outcome}", highlight=False, markup=False)

    queued = leading_jobs(chain.stages)
    submit_all(steps(chain, selected, cluster, recipe, queued), queued, tell)


def show_scripts(
    chain: Chain, selected: Sequence[StageRun], cluster: ClusterConfig, recipe: str, console: Console
) -> None:
    queued = leading_jobs(chain.stages) if shutil.which("squeue") else {}  # the scripts can be read anywhere
    todo = steps(chain, selected, cluster, recipe, queued)
    for step in todo:
        if step.script is not None:
            console.rule(str(step.script.path), characters="=", align="left")
            print(step.script.text)
    console.rule("The graph", characters="=", align="left")
    for step in todo:
        after = "complete" if step.script is None else f"after {', '.join(step.after)}" if step.after else "at once"
        console.print(f"{step.stage.name}: {after}", highlight=False, markup=False)


def show_plan(recipe: str, chain: Chain, cluster: ClusterConfig | None, sample: str | None, console: Console) -> None:
    figures = load_figures(Path(recipe, "plan.yaml"))
    hardware = cluster_hardware(cluster, chain) if cluster else Hardware(len(visible_gpus()), os.cpu_count() or 1)
    show(estimate(chain, figures, read_sample(Path(sample)) if sample else None, hardware), console)


def show_status(chain: Chain, console: Console) -> None:
    found = statuses(chain)
    show_statuses(found, console)
    if all(status.state == DONE for status in found):
        conclude(chain, console)


def conclude(chain: Chain, console: Console) -> None:
    summaries = {stage.name: summary for stage in chain.stages if (summary := stage.summary())}
    output = Path(chain.run.output_dir)
    write_json(output / "summary.json", run_summary(summaries))
    console.print(funnel_table(summaries))
    for line in training_lines(summaries):
        console.print(line)
    for stage in chain.stages:
        if stage.kind is REFINE and stage.name in summaries:
            console.print(*judge_lines(summaries[stage.name]["judges"]), sep="\n")
            console.print(*map(row_panel, sample_rows(read_rows(stage.folder / "rows"))), sep="\n")
            console.print(f"dataset: load_dataset({stage.config.dataset_dir!r})", markup=False)
        if stage.kind is EVALUATE and stage.name in summaries:
            console.print(*results_tables(summaries[stage.name]["results"]), sep="\n")
        if stage.kind is PUBLISH and stage.name in summaries:
            console.print(*ready_lines(stage), sep="\n", markup=False, highlight=False)
    for stage in chain.stages:
        if stage.name in summaries:
            console.print(f"{stage.name}: {stage.folder}", markup=False, highlight=False)
    console.print(f"figures: {output / 'summary.json'}", markup=False, highlight=False)
    for stage in chain.stages:
        if stage.kind is REPORT and stage.name in summaries:
            page = (stage.folder / PAGE).resolve()
            console.print(f"to see all of it, open in a browser: {page}", markup=False, highlight=False)


def ready_lines(stage: StageRun) -> Iterator[str]:
    """What the publish stage built, and how it is pushed."""
    for name, repository in stage.config.names.items():
        yield f"ready to push as {stage.config.namespace}/{repository}: {stage.folder / name}"
    if not stage.config.push:
        yield "to push: `hf auth login`, and this command again with --namespace <you> --push true"


def check_together(options: argparse.Namespace) -> None:
    """Raise UserError for options that have no effect without another one."""
    if not options.slurm and (options.dry_run or options.status):
        raise UserError(f"{'--dry-run' if options.dry_run else '--status'} goes with --slurm CLUSTER")
    if options.sample and not options.plan:
        raise UserError("--sample goes with --plan")


def run(options: argparse.Namespace, overrides: list[str], console: Console) -> None:
    check_together(options)
    cluster = load(ClusterConfig, ["--config", options.slurm]) if options.slurm else None
    future = ANYWHERE if options.plan or options.dry_run else ()  # both are wanted before the corpora are there
    chain = load_chain(options.recipe, overrides, cluster.placement if cluster else None, future)
    if options.plan:
        return show_plan(options.recipe, chain, cluster, options.sample, console)
    selected = chain.select(options.only, options.first)
    if options.status:
        return show_status(chain, console)
    if options.dry_run:
        return show_scripts(chain, selected, cluster, options.recipe, console)
    if cluster:
        return submit(chain, selected, cluster, options.recipe, options.fresh, console)
    check_pushes(selected)
    if options.fresh:
        remove_from(selected)
    check_engines(selected)
    unpublished = run_here(chain, selected, console)
    conclude(chain, console)
    if unpublished:
        raise unpublished
    return None


def main() -> None:
    options, overrides = arguments()
    with mistakes_in_one_line():
        run(options, overrides, Console())


if __name__ == "__main__":
    main()
