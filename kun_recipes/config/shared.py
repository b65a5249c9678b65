"""Seed pairs of a recipe, named once: a stage file without seeds of its own takes those of run.yaml in its folder."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from kun_recipes.config.settings import read_yaml_mapping

RUN_FILE = "run.yaml"
SEEDS = "seeds"
SEED_OPTIONS = (SEEDS, "instruction_column", "output_column", "seeds_revision", "seeds_subset", "seeds_split")


def takes_shared_seeds(values: Collection[str], known: Collection[str]) -> bool:
    """Tell whether a stage with these options, whose file has these keys, reads the recipe's seeds."""
    return SEEDS in known and SEEDS not in values


def shared_seeds(file: str, values: Collection[str], known: Collection[str]) -> dict[str, Any]:
    """Return the values that a stage file takes from the run.yaml in its folder."""
    run = Path(file).with_name(RUN_FILE)
    if Path(file) == run or not takes_shared_seeds(values, known) or not run.is_file():
        return {}
    shared = read_yaml_mapping(str(run))
    return {key: shared[key] for key in SEED_OPTIONS if key in shared and key in known and key not in values}
