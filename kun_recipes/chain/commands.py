"""Commands of `recipes/run.py`: run a recipe here, submit it, plan it, print its job scripts or its status."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.hardware import cluster_hardware, this_machine
from kun_recipes.chain.cluster.status import DONE, show_statuses, statuses
from kun_recipes.chain.cluster.submission import check_folders, leading_jobs, refuse_running, steps, submit_all
from kun_recipes.chain.conclusion import conclude
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import check_before, remove_from, run_here
from kun_recipes.chain.plan.estimate import estimate, load_plan, misfits
from kun_recipes.chain.plan.measured import load_measured
from kun_recipes.chain.plan.table import show
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.command_line import load
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.queue import Job

ANYWHERE = (".", "/")


class RunOptions:
    """The options of `recipes/run.py`, which the parser fills.

    Attributes:
        recipe: folder of the recipe.
        only: names of the stages to run; None for all.
        first: the stage to begin with; None for the first.
        fresh: whether what the selected stages wrote is removed before.
        slurm: file of the cluster; None for this machine.
        plan, dry_run, status: what to print instead of running.
        sample: folder of a finished corpus stage that a plan takes rates from.
    """

    recipe: str
    only: list[str] | None = None
    first: str | None = None
    fresh: bool = False
    slurm: str | None = None
    plan: bool = False
    dry_run: bool = False
    status: bool = False
    sample: str | None = None


def run_recipe(options: RunOptions, overrides: Sequence[str], console: Console) -> None:
    """Do what the options say.

    Raises:
        UserError: a mistake in a file or on the command line, or a stage that failed.
    """
    _check_together(options)
    cluster = load(ClusterConfig, ["--config", options.slurm]) if options.slurm else None
    future = ANYWHERE if options.plan or options.dry_run else ()  # both are wanted before the corpora are there
    asked = [*(options.only or ()), *([options.first] if options.first else ())]
    chain = load_chain(options.recipe, overrides, cluster.placement if cluster else None, future, asked=asked)
    if cluster:
        check_folders(chain)
    selected = chain.select(options.only, options.first)
    if options.plan:
        _show_plan(options, chain, cluster, console)
    elif options.status:
        _show_status(chain, console)
    elif cluster and options.dry_run:
        _show_scripts(chain, selected, cluster, options.recipe, console)
    elif cluster:
        _submit(chain, selected, cluster, options, console)
    else:
        _run_here(chain, selected, options.fresh, console)


def _check_together(options: RunOptions) -> None:
    """Raise UserError for options that have no effect without another one."""
    if not options.slurm and (options.dry_run or options.status):
        raise UserError(f"{'--dry-run' if options.dry_run else '--status'} goes with --slurm CLUSTER")
    if options.sample and not options.plan:
        raise UserError("--sample goes with --plan")


def _run_here(chain: Chain, selected: Sequence[StageRun], fresh: bool, console: Console) -> None:
    check_before(chain, selected, fresh)
    if fresh:
        remove_from(selected)
    failed = run_here(chain, selected, console)
    conclude(chain, console)
    if failed:
        raise failed


def _submit(
    chain: Chain, selected: Sequence[StageRun], cluster: ClusterConfig, options: RunOptions, console: Console
) -> None:
    check_before(chain, selected, options.fresh)
    if options.fresh:
        refuse_running(selected)
        remove_from(selected)

    def tell(stage: str, outcome: str) -> None:
        console.print(f"{stage}: {outcome}", highlight=False, markup=False)

    for line in misfits(options.recipe, chain, cluster_hardware(cluster, chain), selected):
        console.print(f"warning: {line}", highlight=False, markup=False)
    queued = leading_jobs(chain.stages)
    submit_all(steps(chain, selected, cluster, options.recipe, queued), queued, tell)


def _show_scripts(
    chain: Chain, selected: Sequence[StageRun], cluster: ClusterConfig, recipe: str, console: Console
) -> None:
    queued: Mapping[str, Job] = {}
    if shutil.which("squeue"):  # the scripts can be read anywhere
        try:
            queued = leading_jobs(chain.stages)
        except UserError as error:
            console.print(f"what is in the queue is not known: {error}", highlight=False, markup=False)
    todo = steps(chain, selected, cluster, recipe, queued)
    for step in todo:
        if step.script is not None:
            console.rule(str(step.script.path), characters="=", align="left")
            print(step.script.text)
    console.rule("The graph", characters="=", align="left")
    for step in todo:
        after = "complete" if step.script is None else f"after {', '.join(step.after)}" if step.after else "at once"
        console.print(f"{step.stage.name}: {after}", highlight=False, markup=False)


def _show_plan(options: RunOptions, chain: Chain, cluster: ClusterConfig | None, console: Console) -> None:
    hardware = cluster_hardware(cluster, chain) if cluster else this_machine()
    sample = Path(options.sample) if options.sample else None
    show(estimate(chain, load_plan(options.recipe), sample, hardware, load_measured()), console)


def _show_status(chain: Chain, console: Console) -> None:
    found = statuses(chain)
    show_statuses(found, console)
    if all(status.state == DONE for status in found):
        conclude(chain, console)
