"""Datasets of the Hub: the commit of a branch or tag, and the splits at a commit, downloaded."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from kun_recipes.data.files import first_line
from kun_recipes.data.retries import with_retries
from kun_recipes.data.rows import LocatedRow
from kun_recipes.data.splits import read_unasked
from kun_recipes.errors import UserError
from kun_recipes.progress import is_shown

HUB_DATASET = re.compile(
    r"(?:hf://datasets/)?(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w./-]+))?"
)
"""A dataset of the Hub as options name it: owner/name or owner/name@revision."""


def newest_commit(path: str, name: str, revision: str | None) -> str:
    """Return the commit of a branch or tag, main by default."""
    try:
        commit = with_retries(f"{name}: looking it up", lambda: HfApi().dataset_info(name, revision=revision).sha)
    except (UserError, ConnectionError) as error:
        cause = error.__cause__
        if isinstance(cause, GatedRepoError):
            why = f"is available only after you accept its terms; do so at https://huggingface.co/datasets/{name}"
        elif isinstance(cause, RepositoryNotFoundError):
            why = "is neither a local folder nor a Hub dataset you can access; a private one needs `hf auth login`"
        elif isinstance(cause, RevisionNotFoundError):
            why = f"has no revision {revision} on the Hub; check the revision"
        else:
            why = first_line(error)
        raise UserError(f"{path}: {why}") from error
    assert commit is not None  # the Hub leaves it out only where a call names the fields that it wants
    return commit


def hub_splits(
    path: str, name: str, commit: str, subset: str | None, split: str | None
) -> list[tuple[str, Callable[[], Iterator[LocatedRow]]]]:
    """Return the name of each split of a dataset at a commit, with a function that reads its rows from the start.

    Without a split that is asked for, those to measure by are left out.
    """
    splits = load_splits(name, commit, subset, split, f"{path}: cannot be loaded at {commit[:12]}")
    counts = ", ".join(f"{one} {rows.num_rows}" for one, rows in splits.items())
    print(f"{path}: commit {commit}; rows: {counts}", file=sys.stderr)
    return [(one, _split_reader(f"{name}/{one}", rows)) for one, rows in splits.items()]


def load_splits(
    name: str,
    revision: str | None,
    subset: str | None,
    split: str | None,
    problem: str,
    options: tuple[str, str] = ("subset", "split"),
) -> dict[str, Any]:
    """Return the rows of a dataset by split: of the one that is asked for, else of all but those to measure by.

    Args:
        problem: begins the message where the dataset cannot be loaded.
        options: names of the options for subset and split, for messages.

    Raises:
        UserError: it cannot be loaded, or every split is there to measure by.
    """
    import datasets

    if not is_shown():
        datasets.disable_progress_bars()
    loaded = _asked(
        lambda: datasets.load_dataset(name, subset, split=split, revision=revision), name, problem, options
    )
    if split:
        return {split: loaded}
    sizes = {one: f"{rows.num_rows} row{'s' * (rows.num_rows != 1)}" for one, rows in loaded.items()}
    return {one: loaded[one] for one in read_unasked(name, loaded, sizes, f"to read a split, set `{options[1]}`")}


def config_names(name: str, revision: str | None, problem: str) -> list[str]:
    """Return the names of a dataset's configs; raise UserError as `load_splits` does."""
    import datasets

    return _asked(lambda: datasets.get_dataset_config_names(name, revision=revision), name, problem)


def _asked(ask: Callable[[], Any], name: str, problem: str, options: tuple[str, str] = ("subset", "split")) -> Any:
    import datasets

    try:
        return with_retries(f"{name}: loading", ask, also=(ConnectionError,))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error.__cause__ or error).split("Example of usage")[0].split())
        raise UserError(f"{problem}: {reason}{_advice(reason, *options)}") from error


def _advice(reason: str, subset: str, split: str) -> str:
    if "config" in reason.lower():
        return f"; choose one with `{subset}`"
    return f"; choose one with `{split}`" if "split" in reason else ""


def _split_reader(name: str, rows: Any) -> Callable[[], Iterator[LocatedRow]]:
    return lambda: ((f"{name}:{number}", row) for number, row in enumerate(rows, start=1))
