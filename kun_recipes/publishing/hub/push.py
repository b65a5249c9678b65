"""Send a built folder to the Hub: in one commit, so that what others load is the old release or the new one.

Files go up before the commit that names them. A push that is stopped leaves main as it was; the next one finds on the
Hub what arrived, and sends the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.utils import disable_progress_bars

from kun_recipes.data.manifest import MANIFEST, read_manifest
from kun_recipes.data.retries import with_retries
from kun_recipes.errors import UserError
from kun_recipes.progress import is_shown
from kun_recipes.publishing.hub.read_back import read_back

LOADED = (".parquet", ".safetensors", ".bin", ".gguf")
"""Suffixes of files that `load_dataset` and `from_pretrained` load, whatever their origin."""


@dataclass(frozen=True)
class Pushed:
    """Outcome of a push.

    Attributes:
        commit: of main, after it.
        changed: whether there was anything to send.
        verified: what was read back and compared, as "6 rows".
    """

    url: str
    commit: str
    changed: bool
    verified: str

    def __str__(self) -> str:
        commit = self.commit[:12]
        done = f"pushed as {commit}" if self.changed else f"nothing to send, {commit} already contains it"
        return f"{self.url}: {done}; {self.verified} read back, all identical to what was sent"


def push(
    folder: Path, kind: str, repository: str, tag: str | None, private: bool, api: HfApi, notify: Callable[[str], None]
) -> Pushed:
    """Push one folder, read it back, tag it, and only then show it to others where it is to be public.

    Args:
        kind: dataset or model.
        tag: of the release; None tags nothing, and lets another content follow.
        notify: called with a line on each step.

    Raises:
        UserError: the Hub does not take it, the tag is another release's, or what comes back is not what was sent.
    """
    if not is_shown():
        disable_progress_bars()  # the client's own, of uploads
    return _Push(folder, kind, repository, tag, api, notify).run(private)


class _Where(TypedDict):
    """The repository, as the client's calls take it."""

    repo_id: str
    repo_type: str


class _Push:
    def __init__(
        self, folder: Path, kind: str, repository: str, tag: str | None, api: HfApi, notify: Callable[[str], None]
    ):
        self.folder = folder
        self.repository, self.tag, self.api = repository, tag, api
        self.where: _Where = {"repo_id": repository, "repo_type": kind}
        self.page = f"datasets/{repository}" if kind == "dataset" else repository
        self.manifest = read_manifest(folder / MANIFEST)
        self.notify = notify

    def run(self, private: bool) -> Pushed:
        self._with_retries("creating the repository", self._make)
        released = self.tag is None or self._is_released(self.tag)
        before = self._with_retries("reading main", self._head)
        self.notify(f"{self.repository}: sending files")
        commit = self._with_retries("committing", self._commit)
        self.notify(f"{self.repository}: reading it back")
        verified = read_back(self.folder, self.manifest, **self.where, revision=commit, api=self.api)
        if self.tag and not released:
            self._with_retries("tagging", partial(self._set_tag, self.tag, commit))
        if not private:
            self._with_retries("making it public", lambda: self.api.update_repo_settings(**self.where, private=False))
        unit = "rows" if self.manifest["splits"] else "files"
        return Pushed(f"{self.api.endpoint}/{self.page}", commit, commit != before, f"{verified:,} {unit}")

    def _with_retries(self, doing: str, call: Callable[[], Any]) -> Any:
        return with_retries(f"{self.repository}: {doing}", call)

    def _make(self) -> None:
        """Make the repository, private, if it does not exist."""
        try:
            self._head()
        except RepositoryNotFoundError:
            self.api.create_repo(**self.where, private=True)

    def _head(self) -> str:
        commit = self.api.repo_info(**self.where).sha
        assert commit is not None  # the Hub leaves it out only where a call names the fields that it wants
        return commit

    def _set_tag(self, tag: str, commit: str) -> None:
        """Tag the commit, unless an earlier try has; with exist_ok the client would take any conflict for that."""
        if tag not in self._tags():
            self.api.create_tag(**self.where, tag=tag, revision=commit)

    def _tags(self) -> dict[str, str]:
        """Return each tag's commit."""
        return {ref.name: ref.target_commit for ref in self.api.list_repo_refs(**self.where).tags}

    def _is_released(self, tag: str) -> bool:
        """Tell if this very content has the tag already; raise UserError if another content has it."""
        tagged = self._with_retries("reading its tags", self._tags)
        if tag not in tagged:
            return False
        if self._with_retries(f"reading {tag}", lambda: self._manifest_at(tagged[tag])) != self.manifest:
            raise UserError(f"{self.repository}: {tag} already belongs to another release; set a new `tag:`")
        return True

    def _manifest_at(self, commit: str) -> dict[str, Any] | None:
        """Return the manifest on the Hub at a commit; None if it is missing."""
        try:
            path = self.api.hf_hub_download(**self.where, filename=MANIFEST, revision=commit)
        except RemoteEntryNotFoundError:
            return None
        return read_manifest(Path(path))

    def _commit(self) -> str:
        """Make main hold what the folder holds, in one commit upon the newest; returns the commit.

        Called again after a failure, it starts over: another commit may have come first, or this one may have arrived
        although its answer did not.
        """
        head = self._head()
        try:
            info = self.api.create_commit(
                **self.where,
                operations=[*self._additions(), *self._deletions(head)],
                commit_message=f"Release {self.tag}" if self.tag else "Rows of a finished stage",
                parent_commit=head,
            )
        except ValueError as error:  # of the card's metadata, which the client has the Hub validate first
            raise UserError(f"{self.repository}: {' '.join(str(error).split())}") from error
        return info.oid

    def _additions(self) -> Iterator[CommitOperationAdd]:
        """Yield all files; the client leaves out those that the Hub has."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield CommitOperationAdd(path.relative_to(self.folder).as_posix(), path)

    def _deletions(self, head: str) -> Iterator[CommitOperationDelete]:
        """Yield files of an earlier release that this one does not have; what others put there stays.

        Raises UserError for data or weights of others: they would be loaded with ours.
        """
        earlier = (self._manifest_at(head) or {"files": {}})["files"]
        others = set(self.api.list_repo_files(**self.where, revision=head)) - self.manifest["files"].keys()
        for name in sorted(others):
            if name in earlier:
                yield CommitOperationDelete(name)
            elif name.endswith(LOADED):
                raise UserError(
                    f"{self.repository}: contains {name}, which no release of this package uploaded; "
                    "delete it on the Hub, or use another name"
                )
