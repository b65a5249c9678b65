"""Run a whole recipe: every stage in order, skipping what is complete; here, or as jobs on Slurm.

    python recipes/run.py recipes/demo
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --plan
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --status

`--field value` replaces a value of run.yaml, or of every stage that has the field; `--stage.field value` that of one
stage: `python recipes/run.py recipes/demo --output_dir outputs/other --label.temperature 0.5`.
"""

import argparse

from kun_recipes.chain.commands import RunOptions, add_options, run_recipe
from kun_recipes.cli import mistakes_in_one_line, wide_console


def arguments() -> tuple[RunOptions, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("recipe", help="folder of a recipe, such as recipes/demo")
    add_options(parser)
    return parser.parse_known_args(namespace=RunOptions())


if __name__ == "__main__":
    with mistakes_in_one_line():
        run_recipe(*arguments(), wide_console())
