"""Options of where the tasks of a stage run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from kun_recipes.config.options import option
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.errors import ConfigError
from kun_recipes.execution.launch import Executor
from kun_recipes.execution.slurm.arrays import SlurmOptions


@dataclass(kw_only=True)
class PushConfig:
    """Options of a stage whose finished rows can go to the Hub."""

    push_to: str | None = option(
        None, "owner/name of the Hub dataset to which the finished rows are pushed; null: no push", affects_rows=False
    )
    private: bool = option(True, "make the dataset visible only to its owners", affects_rows=False)

    def check_repository(self) -> None:
        """Raise ConfigError where `push_to` cannot be the name of a repository with its owner."""
        if self.push_to is None:
            return
        try:
            validate_repo_id(self.push_to)
        except HFValidationError as error:
            raise ConfigError("push_to", f"not a valid name on the Hub: {' '.join(str(error).split())}") from error
        if "/" not in self.push_to:
            raise ConfigError("push_to", f"write owner/name, not {self.push_to}")


@dataclass(kw_only=True)
class HubSeeds:
    """Options that say which part of a Hub dataset the seeds are."""

    seeds_revision: str | None = option(None, "commit of the seeds, if they are a Hub dataset")
    seeds_subset: str | None = option(None, "config of the seeds, if they are a Hub dataset; null: the default config")
    seeds_split: str | None = option(
        None,
        "split of the seeds, if they are a Hub dataset; null: all splits except test and validation splits, which are "
        "recognised by their names",
    )

    def seeds_part(self) -> HubPart:
        """Return what is read of seeds that are a Hub dataset."""
        return HubPart(self.seeds_revision, self.seeds_subset, self.seeds_split, ("seeds_subset", "seeds_split"))

    def check_seeds_part(self, seeds: str | None) -> None:
        """Raise ConfigError for a part of seeds that are no Hub dataset."""
        if key := _part_of_no_hub_dataset(self, ("seeds_revision", "seeds_subset", "seeds_split"), seeds):
            raise ConfigError(key, "applies only to a Hub dataset; the seeds are a path")


@dataclass(kw_only=True)
class HubPairs:
    """Options that say which part of a Hub dataset the measured pairs are."""

    dataset_subset: str | None = option(
        None, "config of the dataset, if it is a Hub dataset; null: the default config"
    )
    dataset_split: str | None = option(
        None, "split of the dataset, if it is a Hub dataset; null: all except test and validation splits"
    )

    def dataset_part(self) -> HubPart:
        """Return what is read of a dataset of the Hub; its path names the revision."""
        return HubPart(None, self.dataset_subset, self.dataset_split, ("dataset_subset", "dataset_split"))

    def check_dataset_part(self, dataset: str | None) -> None:
        """Raise ConfigError for a part of a dataset that is not on the Hub."""
        if key := _part_of_no_hub_dataset(self, ("dataset_subset", "dataset_split"), dataset):
            raise ConfigError(key, "applies only to a Hub dataset; the dataset is a path")


def _part_of_no_hub_dataset(config: object, keys: Sequence[str], source: str | None) -> str | None:
    """Return the first of the options that is set though the source is missing or a path; None: there is no such."""
    if source is not None and not Path(source).exists():
        return None
    return next((key for key in keys if getattr(config, key)), None)


@dataclass(kw_only=True)
class ExecutorConfig:
    """Options for where the tasks of a stage run."""

    executor: Literal["local", "slurm"] = option(
        "local", "where tasks run: this machine, or a Slurm job array", affects_rows=False
    )
    workers: int | None = option(
        1, "maximum number of tasks at a time: processes on this machine, jobs on Slurm", min=1, affects_rows=False
    )
    slurm_partition: str | None = option(None, "partition of the jobs, for executor slurm", affects_rows=False)
    slurm_time: str = option("12:00:00", "time limit of a job", unit="HH:MM:SS", affects_rows=False)
    slurm_memory_gb: int = option(4, "memory of a job", unit="GiB", min=1, affects_rows=False)
    slurm_account: str | None = option(None, "account to which the jobs are charged", affects_rows=False)
    slurm_qos: str | None = option(None, "quality of service of the jobs", affects_rows=False)
    slurm_sbatch: list[str] | None = option(
        None, "further sbatch options, such as `constraint=a800`", affects_rows=False
    )
    slurm_setup: list[str] | None = option(
        None, "shell lines that each job runs first, such as `module load cuda`", affects_rows=False
    )

    def where(self) -> Executor:
        return Executor(self.workers or 1, slurm=self.job())

    def job(self) -> SlurmOptions | None:
        """Return the resources that a job asks of Slurm; None on this machine."""
        if self.executor == "local":
            return None
        if self.slurm_partition is None:
            raise ConfigError("slurm_partition", "executor slurm needs a partition; `sinfo` lists the partitions")
        return SlurmOptions(
            self.slurm_partition,
            self.slurm_time,
            self.slurm_memory_gb,
            account=self.slurm_account,
            qos=self.slurm_qos,
            extra=tuple(self.slurm_sbatch or ()),
            setup=tuple(self.slurm_setup or ()),
        )
