"""Run a whole recipe: every stage in order, each in its own process, skipping what is complete.

    python recipes/run.py recipes/demo

`--field value` replaces a value of run.yaml, or of every stage that has the field; `--stage.field value` that of one
stage: `python recipes/run.py recipes/demo --output_dir outputs/other --label.temperature 0.5`.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kun_recipes.chain import REFINE, STAGES, Chain, StageRun, elapsed, load_chain, remove_from, run_stage
from kun_recipes.config import ConfigError
from kun_recipes.engines import check_installed
from kun_recipes.errors import UserError
from kun_recipes.reporting.funnel import funnel_table, judge_lines, row_panel, run_summary, sample_rows, training_lines
from kun_recipes.stage import write_json
from kun_recipes.stage_configs import EngineConfig


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe, such as recipes/demo")
    parser.add_argument(
        "--only", nargs="+", choices=STAGES, metavar="STAGE", help=f"run only these: {', '.join(STAGES)}"
    )
    parser.add_argument(
        "--from", dest="first", choices=STAGES, metavar="STAGE", help="run this stage and those after it"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="remove what the selected stages wrote before, and run them anew"
    )
    return parser.parse_known_args()


def select(chain: Chain, only: list[str] | None, first: str | None) -> list[StageRun]:
    names = list(STAGES)
    wanted = only or names[names.index(first) if first else 0 :]
    return [stage for stage in chain.stages if stage.name in wanted]


def check_engines(selected: list[StageRun]) -> None:
    """Raise UserError before an hour of training if what labels or refines is not installed."""
    for stage in selected:
        if isinstance(stage.config, EngineConfig) and stage.summary() is None:
            check_installed(stage.config.engine)


def run_chain(chain: Chain, selected: list[StageRun], console: Console) -> None:
    output = Path(chain.run.output_dir)
    width = max(map(len, STAGES))
    for stage in selected:
        begun = time.monotonic()
        state = "complete"
        if stage.summary() is None:
            state = "done"
            with console.status(stage.name) as status:

                def show(line: str, stage=stage, begun=begun, status=status) -> None:
                    line = line[: console.width - width - 12]
                    # as Text, for a stage's own brackets are no markup
                    status.update(Text(f"{stage.name:{width}} {elapsed(begun)}  {line}"))

                run_stage(stage, output / "logs" / f"{stage.name}.log", show)
        figures = stage.summary()
        if figures is None:
            raise UserError(
                f"{stage.name} ended without its summary; its log: {output / 'logs' / f'{stage.name}.log'}"
            )
        counts = f"{figures['rows_in']} rows in, {figures['rows_kept']} kept"
        console.print(f"{stage.name:{width}} {elapsed(begun):>6}  {state}: {counts}", highlight=False, markup=False)


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
            console.print(*map(row_panel, sample_rows(stage.folder / "rows")), sep="\n")
            console.print(f"dataset: load_dataset({stage.config.dataset_dir!r})", markup=False)
    for stage in chain.stages:
        if stage.name in summaries:
            console.print(f"{stage.name}: {stage.folder}", markup=False, highlight=False)
    console.print(f"figures: {output / 'summary.json'}", markup=False, highlight=False)


def main() -> None:
    options, overrides = arguments()
    console = Console()
    try:
        chain = load_chain(options.recipe, overrides)
        selected = select(chain, options.only, options.first)
        if options.fresh:
            remove_from(chain, selected)
        check_engines(selected)
        run_chain(chain, selected, console)
        conclude(chain, console)
    except (ConfigError, UserError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one was", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
