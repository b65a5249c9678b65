"""Data sets of the Hub as a stream: `hf://datasets/<org>/<name>[@revision]` names one; with a path behind it, files.

`datasets` makes one table of all files, so that it stops at a line that is broken or has other types than the lines
before. Reading the files by a glob reports such lines and continues.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kun_recipes.data.files import first_line
from kun_recipes.data.json_lines import Record
from kun_recipes.errors import UserError

if TYPE_CHECKING:
    from datasets import IterableDataset

SPLIT = "train"  # of most corpora; `datasets` also calls so what is in no split
HUB_URL = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@(refs/(?:convert|pr)/[^/]+|[^/]+))?/?")


@dataclass(frozen=True)
class StreamShard:
    """One of the parts, mostly files, of which `datasets` makes a dataset.

    Attributes:
        dataset: what `load_dataset` takes: a Hub id or a folder.
        revision: commit of the Hub's repository; None for a folder.
        index: of the shard, from 0.
        shards: number of shards.
    """

    dataset: str
    revision: str | None
    index: int
    shards: int

    @property
    def name(self) -> str:
        """Name of the shard, for the ids of records without one."""
        return f"{self.dataset.rstrip('/').rpartition('/')[-1]}/{self.index}"

    @property
    def path(self) -> str:
        """Path of the shard, for rows to name their origin."""
        dataset = f"hf://datasets/{self.dataset}@{self.revision}" if self.revision else self.dataset
        return f"{dataset}#{self.index}"

    def read(self) -> Iterator[Record]:
        """Yield the shard's records. Raises UserError when they make no table."""
        stream = load_stream(self.dataset, self.revision).shard(num_shards=self.shards, index=self.index)
        try:
            for number, fields in enumerate(stream, start=1):
                yield Record(number, fields)
        except ValueError as error:  # pyarrow's and datasets' own: broken JSON or UTF-8, other types than before
            raise UserError(
                f"{self.path}: cannot be streamed: {first_line(error)}; "
                "give its files, such as hf://datasets/org/name/**/*.jsonl, to have such records reported and skipped"
            ) from error


@dataclass(frozen=True)
class HubDataset:
    """A data set on the Hub. Nothing is asked there before `shards` is."""

    dataset: str
    revision: str | None

    @cached_property
    def shards(self) -> list[StreamShard]:
        """The shards as of one commit, so that all tasks read the same. Raises UserError when the Hub has none."""
        return list_shards(self.dataset, _commit(self.dataset, self.revision))


def parse_hub_url(url: str) -> HubDataset | None:
    """Return the data set that a URL names; None when the URL names files, or nothing on the Hub."""
    match = HUB_URL.fullmatch(url)
    return HubDataset(*match.groups()) if match else None


def list_shards(dataset: str, revision: str | None = None) -> list[StreamShard]:
    """Return the shards of a data set, by what `load_dataset` takes."""
    shards = load_stream(dataset, revision).num_shards
    return [StreamShard(dataset, revision, index, shards) for index in range(shards)]


def load_stream(dataset: str, revision: str | None = None) -> "IterableDataset":
    """Return the data set's records as a stream. Raises UserError when it cannot be loaded."""
    import datasets  # takes seconds, and only streams need it
    from huggingface_hub.errors import HTTPError

    try:
        return datasets.load_dataset(dataset, split=SPLIT, streaming=True, revision=revision)
    except (ValueError, OSError, HTTPError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"{dataset}: cannot be streamed: {first_line(error)}") from error


def _commit(dataset: str, revision: str | None) -> str | None:
    """Return the commit that a branch or tag stands for at present."""
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, HTTPError, RepositoryNotFoundError, RevisionNotFoundError

    cause: Exception
    try:
        return huggingface_hub.dataset_info(dataset, revision=revision).sha
    except GatedRepoError as error:
        problem, cause = (
            "its owner must grant you access: request it on the Hub, then log in with `hf auth login`",
            error,
        )
    except RepositoryNotFoundError as error:
        problem, cause = "no such data set on the Hub, or a private one: log in with `hf auth login`", error
    except RevisionNotFoundError as error:
        problem, cause = f'no revision "{revision}" of it on the Hub', error
    except (HTTPError, OSError) as error:
        problem, cause = f"the Hub cannot be reached: {first_line(error)}", error
    raise UserError(f"hf://datasets/{dataset}: {problem}") from cause
