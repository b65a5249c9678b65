"""The server: started in a thread on two loopback addresses, and what a test can ask of it."""

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.loopback_hub import app
from tests.loopback_hub.faults import TRANSPORT, Faults, Faulty, Record
from tests.loopback_hub.store import Store
from tests.loopback_hub.tokens import User

HOST = "127.0.0.1"
# Clients take a redirect to another host for one to the CDN: they do not follow it in a HEAD, and send it no token.
CDN_HOST = "127.0.0.2"


@dataclass(frozen=True)
class Upload:
    """An LFS object that was sent; `status` is None if its answer never came."""

    oid: str
    size: int
    status: int | None


@dataclass
class Hub:
    """A running server, at `url`. `requests` is the record of all that it was asked; `faults` makes requests fail."""

    url: str
    store: Store
    faults: Faults
    requests: list[Record]

    def count(self, method: str, path: str) -> int:
        """How many requests named a path that contains `path`."""
        return sum(record.method == method and path in record.path for record in self.requests)

    def uploads(self) -> list[Upload]:
        """Every LFS object that was sent, each time that it was."""
        sent = [record for record in self.requests if record.method == "PUT" and record.path.startswith("/lfs/")]
        return [Upload(record.path.rpartition("/")[2], record.received, record.status) for record in sent]

    def files(self, repo_id: str, repo_type: str = "model", revision: str = "main") -> dict[str, bytes]:
        """The content of each file of a repository, past all rights."""
        entries = self.store.repositories[f"{repo_type}s", repo_id].at(revision).files
        return {path: self.store.path(entry.object).read_bytes() for path, entry in entries.items()}

    def environment(self, token: str | None, home: Path) -> dict[str, str]:
        """The variables for a subprocess whose Hub this is, with `home` as its cache."""
        # Neither another Hub's settings nor a proxy, which could not reach this one.
        others = re.compile("HF_|HUGGING|.*_PROXY$", re.IGNORECASE)
        kept = {name: value for name, value in os.environ.items() if not others.match(name)}
        kept |= {"HF_ENDPOINT": self.url, "HF_HOME": str(home)}
        kept |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        return kept | ({"HF_TOKEN": token} if token else {})


@contextmanager
def running_hub(
    folder: Path, users: Sequence[User] = (), page_size: int = 1000, lfs_threshold: int = 10_000_000
) -> Iterator[Hub]:
    """A Hub that keeps its files in `folder`, until the block ends.

    huggingface_hub reads HF_ENDPOINT and HF_HUB_DISABLE_XET when it is imported. So start a process with
    `hub.environment(...)`; or in this one call `HfApi(endpoint=hub.url, token=...)`, with False for a stranger's
    token, and set `huggingface_hub.constants.HF_HUB_DISABLE_XET` first.

    Args:
        page_size: entries of a list in one answer, at most.
        lfs_threshold: bytes above which any file goes through LFS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sockets = _two_sockets()
    port = sockets[0].getsockname()[1]
    url, cdn = (f"http://{host}:{port}" for host in (HOST, CDN_HOST))
    store, known = Store(folder), {user.token: user for user in users}
    state = {"url": url, "cdn": cdn, "store": store, "users": known, "signature": secrets.token_hex(8)}
    faulty = Faulty(app.build(**state, page_size=page_size, lfs_threshold=lfs_threshold))
    with _serving(faulty, sockets):
        yield Hub(url, store, faulty.faults, faulty.records)


def _two_sockets() -> list[socket.socket]:
    """A socket on each host, of the same port."""
    # With the protocol named, without which asyncio does not set TCP_NODELAY, and every answer takes 40 ms longer.
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    while True:
        first, second = (socket.socket(*kind) for _ in range(2))
        for each in (first, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind((HOST, 0))
        try:
            second.bind((CDN_HOST, first.getsockname()[1]))
        except OSError:  # another program has this port there
            first.close()
            second.close()
        else:
            return [first, second]


class _Protocol(H11Protocol):
    """uvicorn's, which lets the application close its connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        inner = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "extensions": {TRANSPORT: transport}}, receive, send)

        self.app = with_transport


@contextmanager
def _serving(application: Any, sockets: list[socket.socket]) -> Iterator[None]:
    options: dict[str, Any] = {"http": _Protocol, "ws": "none", "lifespan": "off"}
    options |= {"log_level": "error", "log_config": None}  # errors go to logging as this process has set it up
    # Longer than a test: else a connection may be closed just as its client sends the next request.
    options |= {"timeout_keep_alive": 600, "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(application, **options))
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the Hub did not start")
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
        for each in sockets:
            each.close()
