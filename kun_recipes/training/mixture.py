"""Instruction sets trained on besides the seeds, in the shape of the Alignment Handbook's `dataset_mixture`."""

from dataclasses import dataclass
from pathlib import Path

from kun_recipes.config.options import option
from kun_recipes.config.types import DatasetPath
from kun_recipes.data import schema
from kun_recipes.data.pair_forms import CONVERSATIONS
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.errors import ConfigError


@dataclass(frozen=True)
class MixedDataset:
    """An instruction set, such as COIG, BELLE or OL-CC."""

    id: DatasetPath = option(help="file, folder or Hub dataset")
    config: str | None = option(None, "configuration of a Hub dataset")
    split: str | None = option(None, "split of a Hub dataset; null: all splits except test and validation")
    columns: list[str] | None = option(
        None,
        "columns of the instruction (join several with +) and of the output, or the one column of conversations; "
        "null: detected from its rows",
    )
    weight: float | None = option(None, "share of its rows to use, chosen by hash; null: all", above=0, max=1)
    at_most: float | None = option(
        None, "maximum number of its rows per seed trained on, if weight is null; null: no limit", above=0
    )
    revision: str | None = option(None, "commit of a Hub dataset")

    @property
    def instruction(self) -> str:
        """Column of the instruction."""
        return self._pair()[0]

    @property
    def output(self) -> str:
        """Column of the output."""
        return self._pair()[1]

    @property
    def part(self) -> HubPart:
        """Part of the Hub dataset that is read."""
        return HubPart(self.revision, self.config, self.split, ("config", "split"))

    def _pair(self) -> tuple[str, str]:
        if self.columns and len(self.columns) == 2:
            return self.columns[0], self.columns[1]
        return schema.INSTRUCTION, schema.OUTPUT


@dataclass(frozen=True)
class DatasetMixture:
    """Sets that are trained on together."""

    datasets: list[MixedDataset] = option(help="the datasets to mix in")
    seed: int = option(0, "another value chooses other rows of a dataset with weight or at_most", min=0)
    test_split_size: float | None = option(
        None,
        "number or share of pairs to hold out if there are no seeds; with seeds, set held_out_share instead",
        above=0,
    )

    def check(self, seeds: str | None) -> None:
        """Raise ConfigError for combinations that cannot work.

        Args:
            seeds: trained on as well, if any.
        """
        if self.test_split_size and seeds:
            raise ConfigError("dataset_mixture.test_split_size", "the held-out pairs are seeds; set held_out_share")
        for place, one in enumerate(self.datasets):
            key = f"dataset_mixture.datasets[{place}]"
            if Path(one.id).exists():
                for name in ("config", "split", "revision"):
                    if getattr(one, name):
                        raise ConfigError(f"{key}.{name}", f"applies only to a Hub dataset; {one.id} is a path")
            if one.at_most is not None and (one.weight is not None or not seeds):
                raise ConfigError(f"{key}.at_most", "weight is also set, or there are no seeds; remove it")
            if one.columns and len(one.columns) != 2 and one.columns[0] not in CONVERSATIONS:
                raise ConfigError(
                    f"{key}.columns",
                    f"must name the instruction and the output column, or one of {', '.join(CONVERSATIONS)}, "
                    f"not {', '.join(one.columns)}",
                )
