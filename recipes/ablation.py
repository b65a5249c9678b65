"""Compare the arms that the paper argues about on the same candidates (Kun §3.3): focused against comprehensive
scoring, polished against raw answers, with the document against without it.

    python recipes/ablation.py recipes/demo
    python recipes/ablation.py recipes/demo --arms focused-polished focused-raw
    python recipes/ablation.py recipes/demo --arms focused-polished focused-polished-support

The recipe must have run up to its label stage, and its primary chat model be trained. Each arm refines the
candidates, trains a final model on what it keeps, and all models are evaluated together; what is complete is skipped.
An arm focused-polished-<check> adds one check of answers to the first: tails, details, support or answer. These run
only if they are named. `--field value` and `--stage.field value` replace values as for recipes/run.py. The table is
printed, and written to <into>/ablation.md.
"""

import argparse
from pathlib import Path

from kun_recipes.chain.ablation import ARMS, PAPER_ARMS, run_ablation
from kun_recipes.cli import mistakes_in_one_line, wide_console


def arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe with refine.yaml, final_model.yaml and evaluate.yaml")
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=list(ARMS),
        default=list(PAPER_ARMS),
        help="which to run; without it, those that the paper argues about",
    )
    parser.add_argument("--into", type=Path, default=Path("outputs/ablation"), help="folder of all that it writes")
    return parser.parse_known_args()


if __name__ == "__main__":
    options, overrides = arguments()
    with mistakes_in_one_line():
        run_ablation(options.recipe, options.arms, options.into, overrides, wide_console())
