"""Options that the stages of a recipe share."""

from dataclasses import dataclass

from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, ModelPath, OutputPath


@dataclass(kw_only=True)
class RunConfig:
    """Options that the stage files of a recipe share. A value set here replaces the one in the stage files."""

    output_dir: OutputPath = option(help="folder of the whole run")
    model: ModelPath = option(help="the base model: a folder, a Hub id, or a model source file")
    model_revision: str | None = option(None, "commit of the base model, where it is a Hub id")
    accelerate_config: InputPath = option("accelerate_configs/cpu.yaml", "how the trainings are launched")
    final_sizes: list[int] | None = option(
        None, "train a final model on each of these numbers of rows, the smaller sets inside the larger", min=1
    )
