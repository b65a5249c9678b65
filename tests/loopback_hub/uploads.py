"""Routes that take files: preupload, LFS objects, and the commit."""

import base64
import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.loopback_hub.asking import body, parsed, repository, store, user, word
from tests.loopback_hub.store import LFS_SUFFIXES, HubError, Repository


async def preupload(request: Request) -> Response:
    """Which files are to go through LFS, and what each path holds already."""
    found = repository(request, write=True)
    files = found.at(word(request, "revision")).files
    answers = []
    for file in (await body(request)).get("files", []):
        path = file["path"]
        answer = {"path": path, "uploadMode": "lfs" if _is_large(request, file) else "regular", "shouldIgnore": False}
        answers.append(answer | ({"oid": files[path].object} if path in files else {}))
    return JSONResponse({"files": answers})


def _is_large(request: Request, file: dict[str, Any]) -> bool:
    binary = b"\0" in base64.b64decode(file.get("sample", ""))
    return binary or file["path"].endswith(LFS_SUFFIXES) or file["size"] > request.app.state.lfs_threshold


async def lfs_batch(request: Request) -> Response:
    """Where to put each object; no action for one that this repository has."""
    found = repository(request, write=True)
    answers = []
    for wanted in (await body(request)).get("objects", []):
        answer = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in found.objects:
            verify = f"{request.app.state.url}{request.url.path.removesuffix('/objects/batch')}/verify"
            href = object_url(request, found, wanted["oid"])
            answer["actions"] = {"upload": {"href": href}, "verify": {"href": verify}}
        answers.append(answer)
    return JSONResponse({"transfer": "basic", "objects": answers})


def object_url(request: Request, found: Repository, oid: str) -> str:
    """An object's address on the other host; a client that knows it needs no token, as with the Hub's signed ones."""
    return f"{request.app.state.cdn}/lfs/{request.app.state.signature}/{found.kind}/{found.id}/{oid}"


def signed_repository(request: Request) -> Repository:
    """The repository that an object's address names."""
    key = (request.path_params["kind"], f"{word(request, 'owner')}/{word(request, 'name')}")
    if request.path_params["signature"] != request.app.state.signature or key not in store(request).repositories:
        raise HubError(403, "the signature does not match")
    return store(request).repositories[key]


async def put_object(request: Request) -> Response:
    found, content, oid = signed_repository(request), await request.body(), request.path_params["oid"]
    if hashlib.sha256(content).hexdigest() != oid:
        raise HubError(400, "the content does not have the SHA-256 that its address names")
    store(request).path(oid).write_bytes(content)
    found.objects.add(oid)
    return Response()


async def verify(request: Request) -> Response:
    found, wanted = repository(request, write=True), await body(request)
    if wanted.get("oid") not in found.objects:
        raise HubError(404, "the object did not arrive")
    if store(request).path(wanted["oid"]).stat().st_size != wanted.get("size"):
        raise HubError(400, "the object has another size")
    return JSONResponse({})


async def commit(request: Request) -> Response:
    found, branch = repository(request, write=True), word(request, "revision")
    if request.query_params.get("create_pr"):
        raise HubError(400, "pull requests are not served here")
    if branch not in found.branches:
        raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    lines = [parsed(line) for line in (await request.body()).splitlines() if line.strip()]
    header, operations = _sorted(lines)
    parent = header.get("parentCommit")
    if parent is not None and not found.branches[branch].startswith(parent):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    made = store(request).commit(found, branch, header, operations, user(request).name)
    base = request.app.state.url + ("" if found.kind == "models" else f"/{found.kind}")
    url = f"{base}/{found.id}/commit/{made.id}"
    return JSONResponse({"success": True, "commitOid": made.id, "commitUrl": url, "hookOutput": ""})


def _sorted(lines: list[dict[str, Any]]) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """The header and the operations of a commit's lines."""
    try:
        headers = [line["value"] for line in lines if line["key"] == "header"]
        operations = [(line["key"], line["value"]) for line in lines if line["key"] != "header"]
    except KeyError as error:
        raise HubError(400, f"a line lacks {error}") from error
    if len(headers) != 1 or not headers[0].get("summary"):
        raise HubError(400, "a commit needs one header, with a summary")
    return headers[0], operations
