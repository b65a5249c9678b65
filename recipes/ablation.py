"""Compare the arms that the paper argues about on the same candidates (Kun §3.3): focused against comprehensive
scoring, polished against raw answers, with the document against without it.

    python recipes/ablation.py recipes/demo
    python recipes/ablation.py recipes/demo --arms focused-polished focused-raw

The recipe must have run up to its label stage, and its primary chat model be trained. Each arm refines the
candidates, trains a final model on what it keeps, and all models are evaluated together; what is complete is skipped.
`--field value` and `--stage.field value` replace values as for recipes/run.py. The table is printed, and written to
<into>/ablation.md.
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kun_recipes.chain import StageRun, run_stage
from kun_recipes.chain.ablation import ARMS, ablation_table, load_arms, load_evaluation, share_judges
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.evaluation.tables import results_tables
from kun_recipes.reporting.tables import to_markdown, to_rich


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe with refine.yaml, final_model.yaml and evaluate.yaml")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS), help="which to run")
    parser.add_argument("--into", type=Path, default=Path("outputs/ablation"), help="folder of all that it writes")
    return parser.parse_known_args()


def run_missing(stage: StageRun, name: str, into: Path, console: Console) -> None:
    if stage.summary() is None:
        console.print(f"{name}: {stage.folder}", highlight=False, markup=False)
        with console.status(name) as status:
            run_stage(stage, into / "logs" / f"{name}.log", lambda line: status.update(Text(line)))


def run(options: argparse.Namespace, overrides: list[str], console: Console) -> None:
    arms = load_arms(options.recipe, options.arms, options.into, overrides)
    (evaluation,) = load_evaluation(options.recipe, arms, options.into, overrides).stages
    for arm in arms:
        share_judges(arms, arm)
        run_missing(arm.refine, f"{arm.name} refine", options.into, console)
        run_missing(arm.training, f"{arm.name} final_model", options.into, console)
    run_missing(evaluation, "evaluate", options.into, console)
    results = evaluation.summary()["results"]
    table = ablation_table(arms, results)
    (options.into / "ablation.md").write_text(to_markdown(table), encoding="utf-8")
    console.print(*results_tables(results), to_rich(table), sep="\n")


def main() -> None:
    options, overrides = arguments()
    with mistakes_in_one_line():
        run(options, overrides, Console())


if __name__ == "__main__":
    main()
