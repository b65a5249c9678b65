"""Read a push back as its users will read it, and compare it with the folder: row by row, file by file."""

import hashlib
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from datasets import IterableDataset, IterableDatasetDict, load_dataset
from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile
from pyarrow import ArrowException

from kun_recipes.data.manifest import read_named, row_digest
from kun_recipes.data.retries import with_retries
from kun_recipes.errors import UserError

BROKEN = (OSError, ArrowException)
"""Errors of readers when a response breaks off or the connection is lost."""


def read_back(folder: Path, manifest: dict[str, Any], repo_id: str, repo_type: str, revision: str, api: HfApi) -> int:
    """Compare a commit with the folder it was made from; returns how many rows, or files of a model, are the same.

    Raises:
        UserError: at the first that differs.
    """
    if repo_type == "model":
        return _compare_files(manifest, repo_id, repo_type, revision, api)

    def load(config: str) -> IterableDatasetDict:
        return load_dataset(repo_id, config or None, revision=revision, streaming=True, token=api.token)

    names = [name.rpartition("/") for name in manifest["splits"]]
    configs = {config for config, _, _ in names}
    arrived = {
        config: with_retries(f"{repo_id}: loading it back", partial(load, config), also=BROKEN) for config in configs
    }
    return sum(
        _compare_split(folder, f"{config}{slash}{split}", arrived[config][split], repo_id, revision)
        for config, slash, split in names
    )


def _compare_split(folder: Path, split: str, arrived: IterableDataset, repo_id: str, revision: str) -> int:
    def compare() -> int:
        count = 0
        for sent, came in zip_longest(read_named(folder, split), arrived):
            count += 1
            if sent is None or came is None or row_digest(sent) != row_digest(came):
                raise UserError(
                    f"{repo_id}: row {count} of {split} read back from the Hub differs from what was sent, "
                    f"in commit {revision}; "
                    "nothing was tagged: push again, and delete the commit if it happens twice"
                )
        return count

    return with_retries(f"{repo_id}: reading {split} back", compare, also=BROKEN)


def _compare_files(manifest: dict[str, Any], repo_id: str, repo_type: str, revision: str, api: HfApi) -> int:
    def tree() -> dict[str, RepoFile]:
        found = api.list_repo_tree(repo_id, repo_type=repo_type, revision=revision, recursive=True)
        return {item.path: item for item in found if isinstance(item, RepoFile)}

    there = with_retries(f"{repo_id}: listing its files", tree)
    for name, sent in manifest["files"].items():
        came = there.get(name)
        if came is None or _sha256(came, repo_id, repo_type, revision, api) != sent["sha256"]:
            raise UserError(
                f"{repo_id}: {name} on the Hub differs from the file that was sent, in commit {revision}; "
                "nothing was tagged: push again"
            )
    return len(manifest["files"])


def _sha256(file: RepoFile, repo_id: str, repo_type: str, revision: str, api: HfApi) -> str:
    """Return the SHA-256 of a file on the Hub: as the Hub gives it for a large file; a small file is fetched."""
    if file.lfs:
        return file.lfs.sha256

    def fetch() -> str:
        return api.hf_hub_download(repo_id, file.path, repo_type=repo_type, revision=revision)

    path = with_retries(f"{repo_id}: fetching {file.path}", fetch)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
