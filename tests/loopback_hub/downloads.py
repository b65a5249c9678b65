"""Routes that show files: the tree, single paths, the commits, and the bytes."""

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.loopback_hub.asking import flag, page, repository, store, word
from tests.loopback_hub.store import Commit, Entry, HubError, Repository, pointer
from tests.loopback_hub.uploads import object_url, signed_repository


async def tree(request: Request) -> Response:
    """The files and folders below a folder, the root by default."""
    found = repository(request)
    commit = found.at(word(request, "revision"))
    folder = word(request, "path").rstrip("/") + "/" if "path" in request.path_params else ""
    below = [path for path in commit.files if path.startswith(folder)]
    if folder and not below:
        raise missing(found, commit, folder)
    paths = set(below) | {parent for path in below for parent in _parents(path) if parent.startswith(folder)}
    paths.discard(folder.rstrip("/"))
    wanted = [path for path in sorted(paths) if flag(request, "recursive") or "/" not in path[len(folder) :]]
    return page(request, [_item(found, commit, path, flag(request, "expand")) for path in wanted])


async def paths_info(request: Request) -> Response:
    """What is at some paths; those where nothing is are left out."""
    found = repository(request)
    commit = found.at(word(request, "revision"))
    form = parse_qs((await request.body()).decode())
    there = set(commit.files) | {parent for path in commit.files for parent in _parents(path)}
    expand = form.get("expand", ["false"])[0].lower() == "true"
    return JSONResponse([_item(found, commit, path, expand) for path in form.get("paths", []) if path in there])


def _parents(path: str) -> list[str]:
    words = path.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words))]


def _item(found: Repository, commit: Commit, path: str, expand: bool) -> dict[str, Any]:
    entry = commit.files.get(path)
    inside = [entry] if entry else [entry for file, entry in commit.files.items() if file.startswith(f"{path}/")]
    if entry:
        item = {"type": "file", "path": path, "oid": entry.blob, "size": entry.size, **_lfs(entry)}
    else:
        item = {"type": "directory", "path": path, "oid": commit.id, "size": 0}
    if expand:
        changes = {entry.commit for entry in inside}
        last = next(made for made in found.history(commit.id) if made.id in changes)
        item["lastCommit"] = {"id": last.id, "title": last.title, "date": last.date}
    return item


def _lfs(entry: Entry) -> dict[str, Any]:
    if entry.lfs is None:
        return {}
    return {"lfs": {"oid": entry.lfs, "size": entry.size, "pointerSize": len(pointer(entry.lfs, entry.size))}}


async def commits(request: Request) -> Response:
    history = repository(request).history(word(request, "revision"))
    answers = []
    for commit in history:
        answer = {"id": commit.id, "title": commit.title, "message": commit.message, "date": commit.date}
        answers.append({**answer, "authors": [{"user": commit.author}]})
    return page(request, answers)


async def resolve(request: Request) -> Response:
    """A file's bytes, or for an LFS file where they are."""
    found, path = repository(request), word(request, "path")
    commit = found.at(word(request, "revision"))
    if (entry := commit.files.get(path)) is None:
        raise missing(found, commit, path)
    headers = {"X-Repo-Commit": commit.id}
    if entry.lfs is None:
        return _ranged(request, store(request).path(entry.blob).read_bytes(), {**headers, "ETag": f'"{entry.blob}"'})
    headers |= {"X-Linked-Size": str(entry.size), "X-Linked-ETag": f'"{entry.lfs}"'}
    headers |= {"Accept-Ranges": "bytes", "Location": object_url(request, found, entry.lfs)}
    return Response(status_code=302, headers=headers)


def missing(found: Repository, commit: Commit, path: str) -> HubError:
    message = f"{path} does not exist in {found.id}"
    return HubError(404, message, "EntryNotFound", **{"X-Repo-Commit": commit.id})


async def get_object(request: Request) -> Response:
    found, oid = signed_repository(request), request.path_params["oid"]
    if oid not in found.objects:
        raise HubError(404, "no such object")
    return _ranged(request, store(request).path(oid).read_bytes(), {"ETag": f'"{oid}"'})


def _ranged(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    """The bytes that the request's Range asks for; all without one."""
    headers["Accept-Ranges"] = "bytes"
    unit, _, span = request.headers.get("range", "").partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not all(end == "" or end.isdigit() for end in (first, last)) or span == "-":
        return Response(content, headers=headers, media_type="application/octet-stream")
    size = len(content)
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Response(content[start:stop], 206, headers, "application/octet-stream")
