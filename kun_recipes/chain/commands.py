"""Commands of `recipes/run.py`: run a recipe here, submit it, plan it, print its job scripts or its status."""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.hardware import cluster_hardware, this_machine
from kun_recipes.chain.cluster.status import DONE, show_statuses, statuses
from kun_recipes.chain.cluster.submission import check_folders, leading_jobs, refuse_running, steps, submit_all
from kun_recipes.chain.conclusion import conclude
from kun_recipes.chain.loading import ANYWHERE, load_chain
from kun_recipes.chain.local import check_before, remove_from, run_here
from kun_recipes.chain.plan.estimate import estimate, load_plan, misfits
from kun_recipes.chain.plan.measured import load_measured
from kun_recipes.chain.plan.table import show
from kun_recipes.chain.recipe import Chain, StageRun
from kun_recipes.config.command_line import load
from kun_recipes.errors import UserError
from kun_recipes.execution.slurm.queue import Job


class RunOptions:
    """The options of `recipes/run.py` and `recipes/ablation.py`, which the parser fills.

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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `RunOptions`; the recipe's own argument is not among them."""
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="run only these stages")
    parser.add_argument("--from", dest="first", metavar="STAGE", help="run this stage and all later ones")
    parser.add_argument(
        "--fresh", action="store_true", help="delete the results of the selected stages and run them again"
    )
    parser.add_argument(
        "--slurm", metavar="CLUSTER", help="submit the stages as Slurm jobs, to the cluster of this YAML file"
    )
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--plan", action="store_true", help="print the estimated cost of each stage; run nothing")
    doing.add_argument("--dry-run", action="store_true", help="with --slurm: print every job's script; submit nothing")
    doing.add_argument(
        "--status",
        action="store_true",
        help="with --slurm: print the progress of each stage, and the last message of failed ones",
    )
    parser.add_argument(
        "--sample",
        metavar="FOLDER",
        help="with --plan: folder of a finished corpus stage; use its rates, and those of the stages next to it",
    )


Conclude = Callable[[Chain, Console], None]
"""Function that prints and writes the result of a finished chain."""
Prepare = Callable[[StageRun], None]
"""Function that is called with each stage before it runs on this machine."""


def run_recipe(options: RunOptions, overrides: Sequence[str], console: Console) -> None:
    """Do what the options say with a recipe.

    Raises:
        UserError: a mistake in a file or on the command line, or a stage that failed.
    """
    cluster = load_cluster(options)
    asked = [*(options.only or ()), *([options.first] if options.first else ())]
    placement = cluster.placement if cluster else None
    chain = load_chain(options.recipe, overrides, placement, future(options), asked=asked)
    carry_out(options, chain, chain.select(options.only, options.first), cluster, console, conclude)


def load_cluster(options: RunOptions) -> ClusterConfig | None:
    """Return the cluster that the options name; raises UserError for options that do not go together."""
    _check_together(options)
    return load(ClusterConfig, ["--config", options.slurm]) if options.slurm else None


def future(options: RunOptions) -> Sequence[str]:
    """Return the folders whose content need not be there yet: a plan is wanted before the corpora are."""
    return ANYWHERE if options.plan or options.dry_run else ()


def carry_out(
    options: RunOptions,
    chain: Chain,
    selected: Sequence[StageRun],
    cluster: ClusterConfig | None,
    console: Console,
    finish: Conclude,
    prepare: Prepare | None = None,
) -> None:
    """Do what the options say with the selected stages of a chain: run, submit, plan, print scripts or status.

    Raises:
        UserError: a stage cannot run, or failed.
    """
    if cluster:
        check_folders(chain)
    if options.plan:
        _show_plan(options, chain, selected, cluster, console)
    elif options.status:
        _show_status(chain, selected, console, finish)
    elif cluster and options.dry_run:
        _show_scripts(chain, selected, cluster, options.recipe, console)
    elif cluster:
        _submit(chain, selected, cluster, options, console)
    else:
        _run_here(chain, selected, options.fresh, console, finish, prepare)


def _check_together(options: RunOptions) -> None:
    """Raise UserError for options that have no effect without another one."""
    if not options.slurm and (options.dry_run or options.status):
        raise UserError(f"{'--dry-run' if options.dry_run else '--status'} requires --slurm CLUSTER")
    if options.sample and not options.plan:
        raise UserError("--sample requires --plan")


def _run_here(
    chain: Chain,
    selected: Sequence[StageRun],
    fresh: bool,
    console: Console,
    finish: Conclude,
    prepare: Prepare | None,
) -> None:
    check_before(chain, selected, fresh)
    if fresh:
        remove_from(selected)
    failed = run_here(chain, selected, console, prepare)
    finish(chain, console)
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
            console.print(f"the queue cannot be read: {error}", highlight=False, markup=False)
    todo = steps(chain, selected, cluster, recipe, queued)
    for step in todo:
        if step.script is not None:
            console.rule(str(step.script.path), characters="=", align="left")
            print(step.script.text)
    console.rule("The graph", characters="=", align="left")
    for step in todo:
        after = "complete" if step.script is None else f"after {', '.join(step.after)}" if step.after else "at once"
        console.print(f"{step.stage.name}: {after}", highlight=False, markup=False)


def _show_plan(
    options: RunOptions,
    chain: Chain,
    selected: Sequence[StageRun],
    cluster: ClusterConfig | None,
    console: Console,
) -> None:
    hardware = cluster_hardware(cluster, chain) if cluster else this_machine()
    sample = Path(options.sample) if options.sample else None
    show(estimate(chain, load_plan(options.recipe), sample, hardware, load_measured(), selected), console)


def _show_status(chain: Chain, selected: Sequence[StageRun], console: Console, finish: Conclude) -> None:
    found = statuses(Chain(chain.run, list(selected)))
    show_statuses(found, console)
    if all(status.state == DONE for status in found):
        finish(chain, console)
