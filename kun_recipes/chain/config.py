"""Options that the stages of a recipe share."""

from dataclasses import dataclass
from typing import Literal

from kun_recipes.config.options import option
from kun_recipes.config.types import InputPath, ModelPath, OutputPath, StagePath
from kun_recipes.config.values import first_repeated
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import HubSeeds


@dataclass(kw_only=True)
class RunConfig(HubSeeds):
    """Options that the stage files of a recipe share. A value set here replaces the one in the stage files.

    The seeds are named here alone: the trainings on them, evaluate and statistics take them from here.
    """

    output_dir: OutputPath = option(help="folder of the whole run")
    model: ModelPath = option(help="the base model: a folder, a Hub id, or a model source file")
    model_revision: str | None = option(None, "commit of the base model, if it is a Hub id")
    seeds: StagePath | None = option(None, "seed pairs of the recipe: file, folder or Hub dataset")
    instruction_column: str = option("instruction", "instruction column of the seeds; join several with +")
    output_column: str = option("output", "answer column of the seeds")
    accelerate_config: InputPath = option("accelerate_configs/cpu.yaml", "launch configuration of the trainings")
    on_request: list[str] | None = option(
        None, "stages of this recipe that run only if --only or --from names them, such as preference"
    )
    final_sizes: list[int] | None = option(
        None, "train a final model on each of these numbers of rows; a larger set includes the smaller ones", min=1
    )

    rounds: int = option(
        1,
        "number of rounds: each trains the models and writes pairs; a later round also trains on the pairs of the "
        "previous round, and labels other segments",
        source="Kun §3: this repeated process",
        min=1,
    )
    rounds_from: Literal["base", "last"] = option(
        "base", "model from which a later round trains: the base model, or the models of the previous round"
    )
    round_weight: float = option(
        1.0,
        "maximum number of pairs of the previous round that a training mixes in, per seed pair",
        source="ours",
        above=0,
    )

    def check(self) -> None:
        sizes = self.final_sizes or []
        if twice := first_repeated(sizes):
            raise ConfigError("final_sizes", f"{twice} is given twice")
