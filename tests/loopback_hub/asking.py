"""What every route needs of a request: who asks, which repository, which page; and how it says no."""

import json
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.loopback_hub.store import HubError, Repository, Store
from tests.loopback_hub.tokens import User

INVALID = "Invalid credentials in Authorization header"  # by this text clients tell a bad token from a missing one


def refuse(_: Request, error: HubError) -> Response:
    """The answer to a request that raised HubError."""
    message = error.message.encode("ascii", "replace").decode().replace("\n", " ")
    headers = {**error.headers, "X-Error-Message": message}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message}, error.status, headers)


def word(request: Request, name: str) -> str:
    """A part of the path, which the routes see as it was sent."""
    return unquote(request.path_params[name])


def store(request: Request) -> Store:
    return request.app.state.store


def user(request: Request) -> User | None:
    """The holder of the request's token; None for a stranger."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme != "Bearer" or token not in request.app.state.users:
        raise HubError(401, INVALID)
    return request.app.state.users[token]


def known_user(request: Request) -> User:
    if (found := user(request)) is None:
        raise HubError(401, "Invalid username or password.")
    return found


def repository(request: Request, write: bool = False) -> Repository:
    """The repository that the path names, if the client may see it, or change it."""
    asking = user(request)
    key = (request.path_params.get("kind", "models"), f"{word(request, 'owner')}/{word(request, 'name')}")
    return allowed(asking, store(request).repositories.get(key), write)


def allowed(asking: User | None, found: Repository | None, write: bool) -> Repository:
    if found is None or (found.private and not (asking and asking.can_read(found))):
        # The Hub does not tell a private repository from a missing one.
        raise HubError(404 if asking else 401, "Repository not found", "RepoNotFound")
    if write and asking is None:
        raise HubError(401, "Invalid username or password.")
    if write and not asking.can_write(found):
        raise HubError(403, f"you must use a token that may write to {found.id}")
    return found


async def body(request: Request) -> dict[str, Any]:
    """The request's JSON."""
    return parsed(await request.body())


def parsed(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content or b"{}")
    except ValueError as error:
        raise HubError(400, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise HubError(400, "not a JSON object")
    return value


def flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("1", "true")


def page(request: Request, items: list[Any]) -> Response:
    """A page of a list, with a link to the next."""
    size = min(request.app.state.page_size, int(request.query_params.get("limit", request.app.state.page_size)))
    start = int(request.query_params.get("cursor", 0))
    following = request.url.include_query_params(cursor=start + size)
    headers = {"Link": f'<{following}>; rel="next"'} if len(items) > start + size else {}
    return JSONResponse(items[start : start + size], headers=headers)
