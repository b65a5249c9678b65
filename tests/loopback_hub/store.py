"""Repositories: their commits, branches and tags in memory, the bytes of their files in a folder."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# As in the .gitattributes that the Hub writes into a new repository.
LFS_SUFFIXES = (".arrow", ".bin", ".gguf", ".gz", ".model", ".npy", ".npz", ".parquet", ".pt", ".pth", ".safetensors")
LFS_SUFFIXES += (".tar", ".tgz", ".zip", ".zst")


class HubError(Exception):
    """An answer other than success. `code` is the X-Error-Code by which clients choose an exception."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str):
        self.status, self.message, self.code, self.headers = status, message, code, headers


@dataclass(frozen=True)
class Entry:
    """A file in a commit: git's SHA-1 of its content, or of the pointer to its LFS object."""

    blob: str
    size: int
    lfs: str | None
    commit: str

    @property
    def object(self) -> str:
        """What the bytes are kept under, and what a client compares its own file with."""
        return self.lfs or self.blob


@dataclass(frozen=True)
class Commit:
    id: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: dict[str, Entry]


@dataclass
class Repository:
    """`objects` are the LFS objects that arrived for this repository, committed or not."""

    kind: str
    id: str
    creator: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or an id (of at least seven digits) names."""
        short = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if found := self.branches.get(short) or self.tags.get(short):
            return self.commits[found]
        matching = [commit for commit in self.commits if len(short) >= 7 and commit.startswith(short)]
        if len(matching) != 1:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[matching[0]]

    def history(self, revision: str) -> list[Commit]:
        """The commit and its ancestors, newest first."""
        commits = [self.at(revision)]
        while commits[-1].parent:
            commits.append(self.commits[commits[-1].parent])
        return commits


class Store:
    """All repositories, by kind ("models" or "datasets") and id, and the bytes of their files in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.repositories: dict[tuple[str, str], Repository] = {}

    def create(self, kind: str, id: str, creator: str, private: bool) -> Repository:
        """A repository with a first commit of .gitattributes, as the Hub makes it."""
        repository = self.repositories[kind, id] = Repository(kind, id, creator, private)
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        content = base64.b64encode(attributes.encode()).decode()
        first = ("file", {"path": ".gitattributes", "content": content, "encoding": "base64"})
        self.commit(repository, "main", {"summary": "initial commit"}, [first], creator)
        return repository

    def commit(
        self,
        repository: Repository,
        branch: str,
        header: dict[str, Any],
        operations: list[tuple[str, dict[str, Any]]],
        author: str,
    ) -> Commit:
        """Put a commit of what /commit takes on a branch, whole or not at all."""
        head = repository.branches.get(branch)
        files = dict(repository.commits[head].files) if head else {}
        title, message = header["summary"], header.get("description", "")
        number = len(repository.commits)  # two commits of the same change must differ
        id = hashlib.sha1(repr((repository.kind, repository.id, head, title, operations, number)).encode()).hexdigest()
        for key, value in operations:
            self._apply(repository, files, key, value, id)
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        repository.commits[id] = Commit(id, head, title, message, author, date, files)
        repository.branches[branch] = id
        return repository.commits[id]

    def _apply(
        self, repository: Repository, files: dict[str, Entry], key: str, value: dict[str, Any], commit: str
    ) -> None:
        path = value["path"].rstrip("/")
        inside = [file for file in files if file.startswith(f"{path}/")] if key == "deletedFolder" else [path]
        if key == "file":
            files[path] = self._regular(base64.b64decode(value["content"]), commit)
        elif key == "lfsFile":
            files[path] = self._large(repository, path, value, commit)
        elif key not in ("deletedFile", "deletedFolder"):
            raise HubError(400, f"unknown operation {key!r}")
        elif not inside or (inside == [path] and path not in files):
            raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        else:
            for file in inside:
                del files[file]

    def _regular(self, content: bytes, commit: str) -> Entry:
        blob = _git_hash(content)
        self.path(blob).write_bytes(content)
        return Entry(blob, len(content), None, commit)

    def _large(self, repository: Repository, path: str, value: dict[str, Any], commit: str) -> Entry:
        oid = value["oid"]
        if oid not in repository.objects:
            raise HubError(400, f"LFS pointer of {path} points to an object that does not exist: {oid}")
        size = self.path(oid).stat().st_size
        if value.get("size", size) != size:  # a copy names none
            raise HubError(400, f"LFS pointer of {path} has size {value['size']}, its object {size}")
        return Entry(_git_hash(pointer(oid, size)), size, oid, commit)

    def path(self, object: str) -> Path:
        """The file that keeps a git blob or an LFS object."""
        return self.folder / object


def pointer(oid: str, size: int) -> bytes:
    """What git keeps of an LFS file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n".encode()


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
