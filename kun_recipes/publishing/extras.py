"""What is published beside data and weights: the recipe that made them, its prompts, and what its stages counted."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kun_recipes.data.atomic import write_json
from kun_recipes.execution.summaries import finished_summary
from kun_recipes.publishing.cards.provenance import Prompt, published_recipe, without_local_paths
from kun_recipes.reporting import FIGURES

PROMPTS = "recipes/prompts"
STAGES = "recipes/stages.json"


def copy_recipes(recipes: Sequence[str], folder: Path) -> None:
    """The YAML files of recipes, as recipes/<name>/*.yaml."""
    for recipe in recipes:
        target = folder / published_recipe(recipe)
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(recipe).glob("*.yaml")):
            shutil.copyfile(path, target / path.name)


def copy_prompts(prompts: Sequence[Prompt], folder: Path) -> None:
    """The prompt files, as recipes/prompts/<name>."""
    for prompt in prompts:
        target = folder / PROMPTS / prompt.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(prompt.path, target)


def copy_figures(report_dir: str, folder: Path) -> list[str]:
    """The report's pictures, as figures/<name>.png; returns their names. Raises UserError where it is not finished."""
    finished_summary(report_dir)
    pictures = sorted(Path(report_dir, FIGURES).glob("*.png"))
    for picture in pictures:
        link_or_copy(picture, folder / FIGURES / picture.name)
    return [picture.stem for picture in pictures]


def write_stages(stages: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """What each stage was asked and what it counted, without this machine's paths and times."""
    lasting = {
        name: {key: value for key, value in stage.items() if key != "seconds"} for name, stage in stages.items()
    }
    write_json(folder / STAGES, without_local_paths(lasting))


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under another name where the file system can, for weights are large."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
