"""A Hub on loopback for clients in this process, which wait for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.loopback_hub import Hub, User, running_hub

USERS = [
    User("hf_ana", "ana", orgs={"lab": "write", "club": "read"}),
    User("hf_reader", "ana", role="read"),
    User("hf_bob", "bob"),
    User(
        "hf_fine",
        "ana",
        role="fineGrained",
        scoped=[
            {"entity": {"type": "user", "name": "ana"}, "permissions": ["repo.content.read"]},
            {"entity": {"type": "org", "name": "lab"}, "permissions": ["repo.content.read", "repo.write"]},
        ],
        orgs={"lab": "write"},
    ),
]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The server, as the one that huggingface_hub and datasets talk to."""
    with running_hub(tmp_path / "hub", USERS) as server:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home/hub"))
        monkeypatch.setattr("datasets.config.HF_ENDPOINT", server.url)
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "home/datasets"))
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
        monkeypatch.setattr("kun_recipes.publishing.hub.account.get_token", lambda: None)
        yield server


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_ana")
