"""Check that this account may push what a config publishes, before a run that ends in a push does any work."""

from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_token

from kun_recipes.data.retries import with_retries
from kun_recipes.errors import UserError
from kun_recipes.publishing.config import PublishConfig, kind_of

TOKENS = "https://huggingface.co/settings/tokens"
WRITE = "repo.write"


def check_account(config: PublishConfig, api: HfApi) -> None:
    """Raise UserError unless the token may write to every repository that a config names.

    Asks nothing that changes anything: that of a repository which is not there yet follows from the namespace.
    """
    if not (api.token or get_token()):
        raise UserError(f"no token to push with: `hf auth login`, or set HF_TOKEN; {TOKENS} makes one")
    me = _whoami(api)
    _check_namespace(config.namespace, me)
    for name in config.names:
        repository = config.repository(name)
        _check_token(config.namespace, repository, me["auth"]["accessToken"])
        _check_repository(config, api, name, repository)


def _whoami(api: HfApi) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        try:
            return api.whoami()
        except HfHubHTTPError as error:
            if error.response.status_code != 401:
                raise
            raise UserError(f"the Hub does not know this token: `hf auth login` with another; {TOKENS}") from error

    return with_retries("who this token belongs to", ask)


def _check_namespace(namespace: str, me: dict[str, Any]) -> None:
    writable = [me["name"]] + [org["name"] for org in me.get("orgs", []) if org.get("roleInOrg") != "read"]
    if namespace not in writable:
        raise UserError(
            f"namespace {namespace}: the token's owner can write to {', '.join(writable)}; "
            "set `namespace:` to one of them"
        )


def _check_token(namespace: str, repository: str, token: dict[str, Any]) -> None:
    if token["role"] == "read":
        raise UserError(f"the token may only read: make one that may write at {TOKENS}, and `hf auth login`")
    if token["role"] == "fineGrained":
        allowed = {
            scope["entity"].get("name")
            for scope in token["fineGrained"].get("scoped", [])
            if WRITE in scope["permissions"]
        }
        if not {namespace, repository} & allowed:
            raise UserError(
                f"{repository}: the token may not write there: at {TOKENS} give it write access "
                f"to the repositories of {namespace}"
            )


def _check_repository(config: PublishConfig, api: HfApi, name: str, repository: str) -> None:
    kind = kind_of(name)
    try:
        info = with_retries(f"{repository}: looking at it", lambda: api.repo_info(repository, repo_type=kind))
    except UserError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            return  # it will be made
        raise
    with_retries(
        f"{repository}: asking for write access", lambda: api.auth_check(repository, repo_type=kind, write=True)
    )
    if config.private and not info.private:
        raise UserError(
            f"{repository}: is public already, but `private` is true; set it to false, or take another name"
        )
