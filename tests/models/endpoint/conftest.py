"""A server on this machine, engines that ask it, and no waiting between two tries."""

import json
from collections.abc import Callable, Iterator

import pytest
from tenacity import wait_none

from kun_recipes.models.endpoint import client
from kun_recipes.models.endpoint.engine import EndpointEngine
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.settings import EndpointSettings
from tests.models.endpoint.chat_server import ChatServer, chat_server


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GROWING", wait_none())


@pytest.fixture
def engine_of(server: ChatServer) -> Callable[..., EndpointEngine]:
    def of(fields: dict | None = None, **options) -> EndpointEngine:
        endpoint = EndpointSettings(server.url, fields=json.dumps(fields or {}), **options)
        return EndpointEngine(EngineSettings("openai", "teacher", endpoint=endpoint))

    return of
