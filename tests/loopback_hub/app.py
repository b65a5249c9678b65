"""The table of routes."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.routing import Route

from tests.loopback_hub import downloads, repositories, uploads
from tests.loopback_hub.asking import refuse, user
from tests.loopback_hub.store import HubError


class Kind(Convertor[str]):
    """models or datasets, where a path says which."""

    regex = "models|datasets"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("kind", Kind())


async def nobodys(request: Request) -> None:
    """A repository without an owner: the Hub has a few of old, this one none."""
    raise HubError(404 if user(request) else 401, "Repository not found", "RepoNotFound")


# Below /api/{kind}/{owner}/{name}; where two could match, the first does.
OF_A_REPOSITORY = [
    ("GET", "", repositories.info),
    ("GET", "/revision/{revision}", repositories.info),
    ("PUT", "/settings", repositories.settings),
    ("GET", "/auth-check", repositories.auth_check),
    ("GET", "/auth-check/write", repositories.auth_check),
    ("GET", "/refs", repositories.refs),
    ("POST", "/branch/{branch}", repositories.create_branch),
    ("DELETE", "/branch/{branch}", repositories.delete_branch),
    ("POST", "/tag/{revision}", repositories.create_tag),
    ("DELETE", "/tag/{revision}", repositories.delete_tag),
    ("GET", "/tree/{revision}", downloads.tree),
    ("GET", "/tree/{revision}/{path:path}", downloads.tree),
    ("POST", "/paths-info/{revision}", downloads.paths_info),
    ("GET", "/commits/{revision}", downloads.commits),
    ("POST", "/preupload/{revision}", uploads.preupload),
    ("POST", "/commit/{revision}", uploads.commit),
]
# Below / for models, below /datasets for datasets.
BESIDE_GIT = [
    ("POST", "/{owner}/{name}.git/info/lfs/objects/batch", uploads.lfs_batch),
    ("POST", "/{owner}/{name}.git/info/lfs/verify", uploads.verify),
    ("GET", "/{owner}/{name}/resolve/{revision}/{path:path}", downloads.resolve),
]
ELSEWHERE = [
    ("GET", "/api/whoami-v2", repositories.whoami),
    ("POST", "/api/validate-yaml", repositories.validate_yaml),
    ("POST", "/api/repos/create", repositories.create),
    ("DELETE", "/api/repos/delete", repositories.delete),
    ("PUT", "/lfs/{signature}/{kind}/{owner}/{name}/{oid}", uploads.put_object),
    ("GET", "/lfs/{signature}/{kind}/{owner}/{name}/{oid}", downloads.get_object),
    ("GET", "/api/{kind:kind}", repositories.listed),
    ("GET", "/api/{kind:kind}/{name}", nobodys),
    ("GET", "/{name}/resolve/{revision}/{path:path}", nobodys),
    *((method, f"/{{kind:kind}}{path}", endpoint) for method, path, endpoint in BESIDE_GIT),
    *BESIDE_GIT,
]


def build(**state: Any) -> Callable[..., Awaitable[None]]:
    """The application; `state` is what the routes find in `request.app.state`."""
    below = "/api/{kind:kind}/{owner}/{name}"
    table = [*ELSEWHERE, *((method, below + rest, endpoint) for method, rest, endpoint in OF_A_REPOSITORY)]
    routes = [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]
    app = Starlette(routes=routes, exception_handlers={HubError: refuse})
    app.router.redirect_slashes = False
    for name, value in state.items():
        setattr(app.state, name, value)

    async def encoded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        # Matched as sent, because a revision such as refs%2Fpr%2F1 is one word of the path.
        await app({**scope, "path": scope["raw_path"].decode("ascii")}, receive, send)

    return encoded
