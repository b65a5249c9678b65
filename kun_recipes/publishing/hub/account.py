"""Check that this account may push somewhere, before a run that ends in a push does any work."""

from collections.abc import Mapping
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import get_token

from kun_recipes.data.retries import with_retries
from kun_recipes.errors import UserError

TOKENS = "https://huggingface.co/settings/tokens"
WRITE = "repo.write"


def check_account(repositories: Mapping[str, str], private: bool, api: HfApi) -> None:
    """Raise UserError unless the token may write to every repository.

    Asks nothing that changes anything: that of a repository which is not there yet follows from the namespace.

    Args:
        repositories: the Hub's kind of each, by its id.
        private: they are to be visible to their owners alone.
    """
    if not (api.token or get_token()):
        raise UserError(f"no token for pushing; run `hf auth login`, or set HF_TOKEN; create a token at {TOKENS}")
    me = _whoami(api)
    for repository, kind in repositories.items():
        namespace = repository.partition("/")[0]
        _check_namespace(namespace, me)
        _check_token(namespace, repository, me["auth"]["accessToken"])
        _check_repository(repository, kind, private, api)


def _whoami(api: HfApi) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        try:
            return api.whoami()
        except HfHubHTTPError as error:
            if error.response.status_code != 401:
                raise
            raise UserError(
                f"the Hub does not accept this token; create another one at {TOKENS}, then run `hf auth login`"
            ) from error

    return with_retries("looking up the owner of the token", ask)


def _check_namespace(namespace: str, me: dict[str, Any]) -> None:
    writable = [me["name"]] + [org["name"] for org in me.get("orgs", []) if org.get("roleInOrg") != "read"]
    if namespace not in writable:
        raise UserError(
            f"namespace {namespace}: the token's owner can write to {', '.join(writable)}; push to one of them"
        )


def _check_token(namespace: str, repository: str, token: dict[str, Any]) -> None:
    if token["role"] == "read":
        raise UserError(
            f"the token has only read access; create one with write access at {TOKENS}, then run `hf auth login`"
        )
    if token["role"] == "fineGrained":
        allowed = {
            scope["entity"].get("name")
            for scope in token["fineGrained"].get("scoped", [])
            if WRITE in scope["permissions"]
        }
        if not {namespace, repository} & allowed:
            raise UserError(
                f"{repository}: the token has no write access; at {TOKENS}, give it write access "
                f"to the repositories of {namespace}"
            )


def _check_repository(repository: str, kind: str, private: bool, api: HfApi) -> None:
    try:
        info = with_retries(f"{repository}: looking it up", lambda: api.repo_info(repository, repo_type=kind))
    except UserError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            return  # it will be made
        raise
    with_retries(
        f"{repository}: checking write access", lambda: api.auth_check(repository, repo_type=kind, write=True)
    )
    if private and not info.private:
        raise UserError(
            f"{repository}: is already public, but `private` is true; set `private` to false, or use another name"
        )
