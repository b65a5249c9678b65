"""Who holds a token, and what it allows."""

from dataclasses import dataclass, field
from typing import Any

from tests.loopback_hub.store import Repository


@dataclass(frozen=True)
class User:
    """A token and its holder; several tokens of one user are several of these.

    Args:
        role: the token's own, "write", "read" or "fineGrained".
        scoped: of a fineGrained token, as /api/whoami-v2 has it:
            [{"entity": {"type": "user", "name": "ana"}, "permissions": ["repo.content.read", "repo.write"]}].
        orgs: the user's role in each organisation, "admin", "write", "contributor" or "read".
    """

    token: str
    name: str
    role: str = "write"
    scoped: list[dict[str, Any]] = field(default_factory=list)
    orgs: dict[str, str] = field(default_factory=dict)

    def can_read(self, repository: Repository) -> bool:
        """Whether the token shows a private repository."""
        return repository.namespace in {self.name, *self.orgs} and self._scope_has(
            ("repo.content.read", "repo.write"), repository.namespace, repository.id
        )

    def can_write(self, repository: Repository) -> bool:
        """Whether the token may change a repository. A contributor changes only what they made."""
        role = self._role_in(repository.namespace)
        mine = role in ("admin", "write") or (role == "contributor" and repository.creator == self.name)
        return mine and self._token_writes(repository.namespace, repository.id)

    def can_create(self, namespace: str) -> bool:
        return self._role_in(namespace) in ("admin", "write", "contributor") and self._token_writes(namespace)

    def _role_in(self, namespace: str) -> str | None:
        return "admin" if namespace == self.name else self.orgs.get(namespace)

    def _token_writes(self, *entities: str) -> bool:
        return self.role != "read" and self._scope_has(("repo.write",), *entities)

    def _scope_has(self, permissions: tuple[str, ...], *entities: str) -> bool:
        return self.role != "fineGrained" or any(
            scope["entity"]["name"] in entities and not set(permissions).isdisjoint(scope["permissions"])
            for scope in self.scoped
        )

    def whoami(self) -> dict[str, Any]:
        """The answer of /api/whoami-v2."""
        token: dict[str, Any] = {"displayName": self.token[:6], "role": self.role}
        if self.role == "fineGrained":
            token["fineGrained"] = {"canReadGatedRepos": False, "global": [], "scoped": self.scoped}
        orgs = [{"type": "org", "name": name, "roleInOrg": role} for name, role in self.orgs.items()]
        auth = {"type": "access_token", "accessToken": token}
        return {"type": "user", "name": self.name, "fullname": self.name, "isPro": False, "orgs": orgs, "auth": auth}
