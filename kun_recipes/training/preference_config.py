"""Options of `recipes/preference.py`: TRL's DPOConfig and our own."""

from dataclasses import dataclass
from pathlib import Path

from trl import DPOConfig

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath
from kun_recipes.errors import ConfigError
from kun_recipes.training.options import TrainingOptions


@dataclass(kw_only=True)
class PreferenceConfig(TrainingOptions, DPOConfig):
    """Train a model on preference pairs by direct preference optimisation, behind Kun's chain."""

    pairs: DatasetPath = option(
        help="preference pairs in TRL's conversational format (columns prompt, chosen and rejected): file, folder or "
        "Hub dataset, whose config `preference` is used if it exists"
    )
    pairs_revision: str | None = option(None, "commit of the pairs, if they are a Hub dataset")
    pairs_split: str = option("train", "split of the pairs to train on")

    def check(self) -> None:
        super().check()
        if self.pairs_revision and Path(self.pairs).exists():
            raise ConfigError("pairs_revision", "applies only to a Hub dataset; the pairs are a path")
        if self.padding_free:
            raise ConfigError("padding_free", "is not supported by TRL's DPOTrainer; remove it")
        if self.sync_ref_model and self.use_peft:
            raise ConfigError("sync_ref_model", "has no effect with use_peft: the base model is the reference")
