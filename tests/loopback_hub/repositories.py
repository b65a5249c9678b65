"""Routes about accounts and repositories: rights, settings, what they are, their branches and tags."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.loopback_hub import cards
from tests.loopback_hub.asking import allowed, body, flag, known_user, page, repository, store, user, word
from tests.loopback_hub.store import HubError, Repository, Store, pointer

KINDS = {"model": "models", "dataset": "datasets"}


async def whoami(request: Request) -> Response:
    return JSONResponse(known_user(request).whoami())


async def validate_yaml(request: Request) -> Response:
    answer = cards.validate((await body(request)).get("content", ""))
    return JSONResponse(answer, 400 if answer["errors"] else 200)


async def create(request: Request) -> Response:
    asking, wanted = known_user(request), await body(request)
    kind, namespace, id = _named(wanted, asking.name)
    if not asking.can_create(namespace):
        raise HubError(403, f"You don't have the rights to create a {kind[:-1]} under the namespace {namespace!r}")
    url = f"{request.app.state.url}/{'' if kind == 'models' else f'{kind}/'}{id}"
    if (kind, id) in store(request).repositories:
        return JSONResponse({"error": "You already created this repo", "url": url}, 409)
    store(request).create(kind, id, asking.name, _private(wanted))
    return JSONResponse({"url": url, "name": id, "id": id})


async def delete(request: Request) -> Response:
    asking, wanted = known_user(request), await body(request)
    kind, _, id = _named(wanted, asking.name)
    allowed(asking, store(request).repositories.get((kind, id)), write=True)
    del store(request).repositories[kind, id]
    return Response()


def _named(wanted: dict[str, Any], own: str) -> tuple[str, str, str]:
    if (kind := KINDS.get(wanted.get("type", "model"))) is None or not wanted.get("name"):
        raise HubError(400, "a repository needs a name, and is of type model or dataset here")
    namespace = wanted.get("organization") or own
    return kind, namespace, f"{namespace}/{wanted['name']}"


def _private(wanted: dict[str, Any]) -> bool:
    return wanted["visibility"] == "private" if "visibility" in wanted else bool(wanted.get("private"))


async def settings(request: Request) -> Response:
    found = repository(request, write=True)
    wanted = await body(request)
    if wanted.keys() & {"visibility", "private"}:
        found.private = _private(wanted)
    return JSONResponse({"private": found.private})


async def auth_check(request: Request) -> Response:
    repository(request, write=request.url.path.endswith("/write"))
    return JSONResponse({})


async def info(request: Request) -> Response:
    found = repository(request)
    revision = word(request, "revision") if "revision" in request.path_params else "main"
    answer = _described(store(request), found, revision, blobs=flag(request, "blobs"))
    if wanted := request.query_params.getlist("expand"):
        answer = {key: value for key, value in answer.items() if key in ("id", *wanted)}
    return JSONResponse(answer)


async def listed(request: Request) -> Response:
    """The repositories of a kind that the client may see."""
    asking, query = user(request), request.query_params
    answers = [
        _described(store(request), found, "main")
        for (kind, id), found in store(request).repositories.items()
        if kind == request.path_params["kind"]
        and (not found.private or (asking and asking.can_read(found)))
        and query.get("author") in (None, found.namespace)
        and query.get("search", "") in id
    ]
    omitted = {key for key, asked in (("siblings", "full"), ("cardData", "cardData")) if not flag(request, asked)}
    return page(request, [{key: answer[key] for key in answer.keys() - omitted} for answer in answers])


def _described(kept: Store, found: Repository, revision: str, blobs: bool = False) -> dict[str, Any]:
    commit = found.at(revision)
    readme = commit.files.get("README.md")
    card = cards.card_data(kept.path(readme.object).read_text("utf-8", "replace")) if readme else {}
    siblings = []
    for path, entry in sorted(commit.files.items()):
        sibling: dict[str, Any] = {"rfilename": path}
        if blobs:
            sibling |= {"blobId": entry.blob, "size": entry.size}
        if blobs and entry.lfs:
            size = len(pointer(entry.lfs, entry.size))
            sibling["lfs"] = {"sha256": entry.lfs, "size": entry.size, "pointerSize": size}
        siblings.append(sibling)
    dates = {"createdAt": found.history(revision)[-1].date, "lastModified": commit.date}
    about = {"id": found.id, "author": found.namespace, "sha": commit.id, "private": found.private, **dates}
    about |= {"gated": False, "disabled": False, "downloads": 0, "likes": 0}
    return {**about, "tags": cards.card_tags(card), "cardData": card, "siblings": siblings}


async def refs(request: Request) -> Response:
    found = repository(request)
    kinds = (("branches", "heads", found.branches), ("tags", "tags", found.tags))
    answer: dict[str, Any] = {"converts": [], "pullRequests": []}
    for key, ref, names in kinds:
        answer[key] = [{"name": n, "ref": f"refs/{ref}/{n}", "targetCommit": commit} for n, commit in names.items()]
    return JSONResponse(answer)


async def create_branch(request: Request) -> Response:
    found, name = repository(request, write=True), word(request, "branch")
    if name in found.branches:
        raise HubError(409, f"Reference already exists: {name}")
    found.branches[name] = found.at((await body(request)).get("startingPoint", "main")).id
    return JSONResponse({})


async def delete_branch(request: Request) -> Response:
    found, name = repository(request, write=True), word(request, "branch")
    if name == "main":
        raise HubError(403, "the main branch cannot be deleted")
    return _forget(found.branches, name)


async def create_tag(request: Request) -> Response:
    found, name = repository(request, write=True), (await body(request)).get("tag")
    if not name:
        raise HubError(400, "a tag needs a name")
    if name in found.tags:
        raise HubError(409, f"Tag reference exists already: {name}")
    found.tags[name] = found.at(word(request, "revision")).id
    return JSONResponse({})


async def delete_tag(request: Request) -> Response:
    return _forget(repository(request, write=True).tags, word(request, "revision"))


def _forget(names: dict[str, str], name: str) -> Response:
    if names.pop(name, None) is None:
        raise HubError(404, f"Invalid rev id: {name}", "RevisionNotFound")
    return Response()
