"""A plan as a person reads it: the table, its totals, warnings, and every assumption with its source."""

import math
from collections.abc import Callable, Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kun_recipes.chain.plan.measured import MeasuredSpeed
from kun_recipes.chain.plan.plan import Plan, StageEstimate
from kun_recipes.chain.plan.units import UNKNOWN, count, devices, duration, hours, number, size
from kun_recipes.chain.plan.work import Work

COLUMNS = (
    *("rows in", "rows out", "tokens\nread", "tokens\nwritten", "GPU/core\nhours"),
    *("on", "memory\nper GPU", "wall\ntime", "disk"),
)


def show(plan: Plan, console: Console) -> None:
    """Print a plan. "?" is unknown, "–" does not apply."""
    console.print(_stages(plan))
    for line in _totals(plan):
        console.print(Text(line))
    for warning in plan.warnings:
        console.print(Text(f"warning: {warning}", style="bold yellow"))
    console.print()
    console.print(_assumptions(plan))


def _stages(plan: Plan) -> Table:
    table = _table(f"Plan of {plan.recipe}: estimates before the run")
    table.add_column("stage", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("speed", overflow="fold", min_width=9)
    for stage in plan.stages:
        late = stage.time_limit is not None and stage.seconds > stage.time_limit
        table.add_row(*_cells(stage), style="yellow" if late else None)
    return table


def _cells(stage: StageEstimate) -> tuple[str, ...]:
    work = stage.work
    out = count(work.rows_out) if work.steps is None else f"{count(work.steps)} steps"
    return (
        stage.name,
        count(work.rows_in),
        out,
        count(work.tokens_read),
        count(work.tokens_written),
        hours(stage.device_hours),
        devices(stage.devices, stage.device),
        size(work.gpu_bytes),
        duration(stage.seconds),
        size(work.disk_bytes),
        _origin(work),
    )


def _origin(work: Work) -> str:
    if isinstance(work.speed, MeasuredSpeed):
        return f"measured on {work.speed.device}"
    return "unknown" if math.isnan(work.device_seconds) else "estimated"


def _totals(plan: Plan) -> list[str]:
    kinds = dict.fromkeys(stage.device for stage in plan.stages)
    spent = " and ".join(
        f"{_sum(hours, (stage.device_hours for stage in plan.stages if stage.device == kind))} {kind} hours"
        for kind in kinds
    )
    one_by_one = _sum(duration, (stage.seconds for stage in plan.stages))
    lines = [
        f"Total: {spent}; {one_by_one} if the stages run one after another.",
        f"Disk: {_sum(size, (stage.work.disk_bytes for stage in plan.stages))} at the end.",
    ]
    besides = [f"{stage.name} {size(stage.work.scratch_bytes)}" for stage in plan.stages if stage.work.scratch_bytes]
    return [*lines, f"Additional scratch and checkpoints during the run: {', '.join(besides)}."] if besides else lines


def _sum(write: Callable[[float], str], values: Iterable[float]) -> str:
    """Add up what is known, and say so where some is not."""
    every = list(values)
    known = [value for value in every if not math.isnan(value)]
    return write(sum(known)) if len(known) == len(every) else f"at least {write(sum(known))}" if known else UNKNOWN


def _assumptions(plan: Plan) -> Table:
    origin = (
        f"from the sample {plan.sample} where it has them, otherwise from plan.yaml" if plan.sample else "plan.yaml"
    )
    table = _table(f"Assumptions: {origin}")
    table.add_column("assumption", overflow="fold", max_width=46)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for name, known in plan.assumptions:
        table.add_row(Text(name), number(known.number), Text(known.source))
    return table


def _table(title: str) -> Table:
    return Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
