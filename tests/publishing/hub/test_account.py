"""May we push? Asked before any work, without changing anything."""

import pytest
from huggingface_hub import HfApi

from kun_recipes.errors import UserError
from kun_recipes.publishing.hub import check_account


def check(run_folder, hub, token: str | bool = "hf_ana", **changes) -> None:
    config = run_folder.config(**changes)
    check_account(config.kinds(), config.private, HfApi(endpoint=hub.url, token=token))


@pytest.mark.parametrize("namespace", ["ana", "lab"])
def test_token_with_write_access_may_push(run_folder, hub, namespace):
    check(run_folder, hub, namespace=namespace)
    assert hub.store.repositories == {}


@pytest.mark.parametrize(
    ("token", "changes", "message"),
    [
        (False, {}, "no token for pushing; run `hf auth login`, or set HF_TOKEN"),
        ("hf_nobody", {}, "the Hub does not accept this token; create another one"),
        ("hf_reader", {}, "the token has only read access; create one with write access at https://"),
        (
            "hf_ana",
            {"namespace": "bob"},
            "the token's owner can write to ana, lab; push to one of them",
        ),
        ("hf_ana", {"namespace": "club"}, "namespace club: the token's owner can write to ana, lab"),
        ("hf_fine", {}, "ana/Pairs: the token has no write access"),
    ],
)
def test_token_without_write_access_is_refused_with_advice(run_folder, hub, token, changes, message):
    with pytest.raises(UserError) as caught:
        check(run_folder, hub, token, **changes)
    assert message in str(caught.value)
    assert hub.store.repositories == {}


def test_a_fine_grained_token_counts_where_it_may_write(run_folder, hub):
    check(run_folder, hub, "hf_fine", namespace="lab")


def test_a_public_repository_is_not_taken_for_a_private_one(run_folder, hub, api):
    api.create_repo("ana/Pairs", repo_type="dataset", private=False)
    with pytest.raises(UserError, match="ana/Pairs: is already public, but `private` is true"):
        check(run_folder, hub)
    check(run_folder, hub, private="false")


@pytest.mark.parametrize("what", [500, 503, 409, 412, 429, "drop", "drop_after"], ids=str)
@pytest.mark.parametrize("path", ["/api/whoami-v2", "/api/datasets/ana/Pairs$", "/auth-check"])
def test_temporary_failures_are_retried(run_folder, hub, api, path, what):
    api.create_repo("ana/Pairs", repo_type="dataset", private=True)
    hub.faults.add("GET", path, what, times=2)
    check(run_folder, hub)
    assert hub.faults.waiting == []


def test_unreachable_hub_is_reported_in_one_line(run_folder, hub):
    hub.faults.add("GET", "/api/whoami-v2", 503, times=100)
    with pytest.raises(UserError) as caught:
        check(run_folder, hub)
    assert str(caught.value).startswith(
        "looking up the owner of the token: failed 6 times, the last time with status 503"
    )
    assert "\n" not in str(caught.value)
