"""Compare arms of refinement and training on the same candidates (Kun §3.3).

The arms are focused against comprehensive scoring, polished against raw answers, with the document against without it,
with checks of answers against without.

    python recipes/ablation.py recipes/demo
    python recipes/ablation.py recipes/demo --arms focused-polished focused-raw
    python recipes/ablation.py recipes/kun-6b --slurm recipes/cluster.yaml --plan
    python recipes/ablation.py recipes/kun-6b --slurm recipes/cluster.yaml

The recipe must have run up to its label stage, and its primary chat model be trained; on Slurm both may still be in
the queue. Each arm refines the candidates and trains a model on what it keeps; all models are evaluated together. What
is complete is skipped. An arm focused-polished-<check> has one check of answers: tails, details, support or answer.
The arm preference trains the model of focused-polished-verified further, by recipes/preference.py on that arm's
preference pairs. These run only if they are named.

--only, --from, --fresh, --slurm, --plan, --dry-run, --status and `--field value` are as for recipes/run.py; the stages
of an arm are refine_<arm> and final_model_<arm>, that of the arm preference is preference_focused-polished-verified.
The table is printed here, or by --status once all is done, and written to <into>/ablation.md.
"""

import argparse
from pathlib import Path

from kun_recipes.chain.ablation import run_ablation
from kun_recipes.chain.arms import ARMS, MAIN_ARMS
from kun_recipes.chain.commands import RunOptions, add_options
from kun_recipes.cli import mistakes_in_one_line, wide_console


class AblationOptions(RunOptions):
    """Options of `recipes/run.py`, and which arms run into which folder."""

    arms: list[str]
    into: Path


def arguments() -> tuple[AblationOptions, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe with refine.yaml, final_model.yaml and evaluate.yaml")
    parser.add_argument(
        "--arms", nargs="+", choices=list(ARMS), default=list(MAIN_ARMS), help=f"default: {', '.join(MAIN_ARMS)}"
    )
    parser.add_argument("--into", type=Path, default=Path("outputs/ablation"), help="output folder")
    add_options(parser)
    return parser.parse_known_args(namespace=AblationOptions())


if __name__ == "__main__":
    options, overrides = arguments()
    with mistakes_in_one_line():
        run_ablation(options, options.arms, options.into, overrides, wide_console())
