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
    split: str | None = option(None, "split of a Hub dataset; null: all but test and validation splits")
    columns: list[str] | None = option(
        None,
        "those of the instruction, several of which are joined by +, and of the output; or the one of conversations; "
        "null: by the form of its rows",
    )
    weight: float | None = option(
        None, "share of its rows that is taken, the first by hash; null: all", above=0, max=1
    )
    at_most: float | None = option(
        None, "most of its rows per row of the seeds trained on, where weight is null; null: no limit", above=0
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

    datasets: list[MixedDataset] = option(help="the sets")
    seed: int = option(0, "another one takes other rows of a set that has a weight", min=0)
    test_split_size: float | None = option(
        None,
        "pairs held out, as a number or a share, where the mixture is all there is; with seeds held_out_share",
        above=0,
    )

    def check(self, seeds: str | None) -> None:
        """Raise ConfigError for combinations that cannot work.

        Args:
            seeds: trained on as well, if any.
        """
        if self.test_split_size and seeds:
            raise ConfigError("dataset_mixture.test_split_size", "the held-out pairs are of the seeds: held_out_share")
        for place, one in enumerate(self.datasets):
            key = f"dataset_mixture.datasets[{place}]"
            if Path(one.id).exists():
                for name in ("config", "split", "revision"):
                    if getattr(one, name):
                        raise ConfigError(f"{key}.{name}", f"holds for a Hub dataset; {one.id} is a path")
            if one.at_most is not None and (one.weight is not None or not seeds):
                raise ConfigError(f"{key}.at_most", "weight is set, too, or there are no seeds: leave it out")
            if one.columns and len(one.columns) != 2 and one.columns[0] not in CONVERSATIONS:
                raise ConfigError(
                    f"{key}.columns",
                    f"must be those of the instruction and the output, or one of {', '.join(CONVERSATIONS)}, "
                    f"not {', '.join(one.columns)}",
                )
