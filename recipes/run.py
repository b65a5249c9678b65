"""Run a whole recipe: every stage in order, skipping what is complete; here, or as jobs on Slurm.

    python recipes/run.py recipes/demo
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --plan
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml
    python recipes/run.py recipes/kun-6b --slurm recipes/cluster.yaml --status

`--field value` replaces a value of run.yaml, or of every stage that has the field; `--stage.field value` that of one
stage: `python recipes/run.py recipes/demo --output_dir outputs/other --label.temperature 0.5`.
"""

import argparse

from kun_recipes.chain.commands import RunOptions, run_recipe
from kun_recipes.cli import mistakes_in_one_line, wide_console


def arguments() -> tuple[RunOptions, list[str]]:
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
    parser.add_argument("--sample", metavar="FOLDER", help="with --plan: a finished corpus stage to measure by")
    return parser.parse_known_args(namespace=RunOptions())


if __name__ == "__main__":
    with mistakes_in_one_line():
        run_recipe(*arguments(), wide_console())
