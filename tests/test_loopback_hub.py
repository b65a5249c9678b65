"""The tests' own Hub against the real clients: what it answers, whom it refuses, and how it fails on demand."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
from huggingface_hub.utils import get_session

from tests.loopback_hub import Hub, User, running_hub

SCOPED = [{"entity": {"type": "user", "name": "ana"}, "permissions": ["repo.content.read", "repo.write"]}]
USERS = [
    User("hf_ana", "ana", orgs={"lab": "admin"}),
    User("hf_ana_reads", "ana", role="read"),
    User("hf_ana_alone", "ana", role="fineGrained", scoped=SCOPED, orgs={"lab": "admin"}),
    User("hf_bo", "bo", orgs={"lab": "contributor"}),
    User("hf_eve", "eve"),
]
WEIGHTS = bytes(range(256)) * 4


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with running_hub(tmp_path / "hub", USERS, page_size=3) as running:
        yield running


@pytest.fixture
def ana(hub: Hub) -> HfApi:
    """The owner of ana/model, which holds two files more than a new repository, and of the empty lab/secret."""
    api = HfApi(endpoint=hub.url, token="hf_ana")
    api.create_repo("ana/model")
    api.create_repo("lab/secret", private=True)
    _commit(api, {"notes.txt": b"one", "model.safetensors": WEIGHTS})
    hub.requests.clear()
    return api


def _commit(api: HfApi, files: dict[str, bytes], **options) -> str:
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit("ana/model", operations, commit_message="Add", **options).oid


def _status(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return error.value.response.status_code


def test_creates_once_and_deletes(hub: Hub, ana: HfApi):
    assert ana.repo_exists("ana/model")
    assert not ana.repo_exists("ana/other") and not ana.repo_exists("bare")
    assert not ana.repo_exists("ana/model", repo_type="dataset")
    with pytest.raises(HfHubHTTPError) as refused:
        ana.create_repo("ana/model")
    assert _status(refused) == 409
    assert ana.create_repo("model", exist_ok=True).url == f"{hub.url}/ana/model"
    ana.delete_repo("ana/model")
    assert not ana.repo_exists("ana/model")


def test_commit_can_be_read(hub: Hub, ana: HfApi, tmp_path: Path):
    added = [CommitOperationAdd(path, b"x") for path in ("a/b.txt", "a/c/d.txt", "ab.txt")]
    head = ana.create_commit("ana/model", added, commit_message="Add folders").oid
    assert ana.model_info("ana/model").sha == head
    files = {".gitattributes", "notes.txt", "model.safetensors", "ab.txt"}
    assert {f.path for f in ana.list_repo_tree("ana/model")} == files | {"a"}
    assert set(ana.list_repo_files("ana/model")) == files | {"a/b.txt", "a/c/d.txt"}
    last = {f.path: f.last_commit.title for f in ana.list_repo_tree("ana/model", recursive=True, expand=True)}
    assert (last["a/c"], last["notes.txt"]) == ("Add folders", "Add")
    for path, content in (("notes.txt", b"one"), ("model.safetensors", WEIGHTS)):
        copy = ana.hf_hub_download("ana/model", path, cache_dir=tmp_path)
        assert Path(copy).read_bytes() == hub.files("ana/model")[path] == content
    ana.create_commit("ana/model", [CommitOperationDelete("a/")], commit_message="Delete")
    assert set(hub.files("ana/model")) == files and set(hub.files("ana/model", revision=head)) > files


def test_no_change_sends_nothing(hub: Hub, ana: HfApi):
    head = ana.model_info("ana/model").sha
    assert _commit(ana, {"notes.txt": b"one", "model.safetensors": WEIGHTS}) == head
    assert hub.uploads() == [] and hub.count("POST", "/commit/") == 0
    # Known content under a new name is committed, but not sent again; a known name with new content is.
    _commit(ana, {"copy.safetensors": WEIGHTS, "model.safetensors": WEIGHTS[1:]})
    assert [upload.size for upload in hub.uploads()] == [len(WEIGHTS) - 1]


def test_refuses_a_stale_parent_and_an_object_that_never_came(hub: Hub, ana: HfApi):
    parent = ana.model_info("ana/model").sha
    _commit(ana, {"notes.txt": b"two"}, parent_commit=parent)
    with pytest.raises(HfHubHTTPError) as refused:
        _commit(ana, {"notes.txt": b"three"}, parent_commit=parent)
    assert _status(refused) == 412
    # An object whose content is not what its name says did not come either.
    bearer, wanted = {"Authorization": "Bearer hf_ana"}, {"oid": "0" * 64, "size": 1}
    batch = f"{hub.url}/ana/model.git/info/lfs/objects/batch"
    answer = get_session().post(batch, headers=bearer, json={"objects": [wanted]}).json()["objects"][0]
    assert get_session().put(answer["actions"]["upload"]["href"], content=b"x").status_code == 400
    lines = [{"key": "header", "value": {"summary": "Add"}}, {"key": "lfsFile", "value": {"path": "x.bin", **wanted}}]
    content = "\n".join(json.dumps(line) for line in lines)
    refusal = get_session().post(f"{hub.url}/api/models/ana/model/commit/main", headers=bearer, content=content)
    assert refusal.status_code == 400 and "x.bin" not in hub.files("ana/model")
    assert hub.files("ana/model")["notes.txt"] == b"two"


def test_branches_and_tags(hub: Hub, ana: HfApi):
    first = ana.model_info("ana/model").sha
    ana.create_branch("ana/model", branch="try/this")
    ana.create_tag("ana/model", tag="v1")
    ana.create_tag("ana/model", tag="v1", exist_ok=True)
    with pytest.raises(HfHubHTTPError) as refused:
        ana.create_tag("ana/model", tag="v1")
    assert _status(refused) == 409
    second = _commit(ana, {"notes.txt": b"two"}, revision="try/this")
    refs = ana.list_repo_refs("ana/model")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "try/this": second}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1": first}
    ana.delete_branch("ana/model", branch="try/this")
    ana.delete_tag("ana/model", tag="v1")
    for gone in ("try/this", "v1"):
        with pytest.raises(RevisionNotFoundError):
            ana.model_info("ana/model", revision=gone)


def test_private_repository_is_visible_to_its_members_only(hub: Hub, ana: HfApi):
    for token, seen in (("hf_bo", True), ("hf_eve", False), ("hf_ana_alone", False), (False, False)):
        api = HfApi(endpoint=hub.url, token=token)
        assert api.repo_exists("lab/secret") == seen
        assert [model.id for model in api.list_models(author="lab")] == ["lab/secret"] * seen
        assert api.file_exists("lab/secret", ".gitattributes") == seen
    assert get_session().get(f"{hub.url}/api/models/lab/secret").status_code == 401
    ana.update_repo_settings("lab/secret", private=False)
    assert HfApi(endpoint=hub.url, token=False).model_info("lab/secret").private is False


@pytest.mark.parametrize(
    ("token", "repo_id", "status"),
    [
        ("hf_ana_reads", "ana/model", 403),
        ("hf_eve", "ana/model", 403),
        ("hf_bo", "lab/secret", 403),  # a contributor, and not the one who made it
        ("hf_ana_alone", "lab/secret", 404),
        ("hf_nobody", "ana/model", 401),
    ],
)
def test_refuses_every_write_without_the_right(hub: Hub, ana: HfApi, token: str, repo_id: str, status: int):
    api, before = HfApi(endpoint=hub.url, token=token), set(hub.files(repo_id))
    lfs = {"objects": [{"oid": "0" * 64, "size": 1}]}
    writes = [
        lambda: api.auth_check(repo_id, write=True),
        lambda: api.upload_file(repo_id=repo_id, path_or_fileobj=b"x", path_in_repo="x"),
        lambda: api.create_commit(repo_id, [CommitOperationDelete(".gitattributes")], commit_message="Delete"),
        lambda: api.create_branch(repo_id, branch="b"),
        lambda: api.create_tag(repo_id, tag="t"),
        lambda: api.update_repo_settings(repo_id, private=True),
        lambda: api.delete_repo(repo_id),
    ]
    for write in writes:
        with pytest.raises(HfHubHTTPError) as refused:
            write()
        assert _status(refused) == status
    batch = f"{hub.url}/{repo_id}.git/info/lfs/objects/batch"
    assert get_session().post(batch, headers={"Authorization": f"Bearer {token}"}, json=lfs).status_code == status
    assert set(hub.files(repo_id)) == before


def test_contributor_writes_to_repositories_they_created(hub: Hub, ana: HfApi):
    bo = HfApi(endpoint=hub.url, token="hf_bo")
    bo.create_repo("lab/mine", private=True)
    bo.auth_check("lab/mine", write=True)
    with pytest.raises(HfHubHTTPError) as refused:
        bo.create_repo("ana/mine")
    assert _status(refused) == 403


def test_whoami(hub: Hub):
    answer = HfApi(endpoint=hub.url, token="hf_ana_alone").whoami()
    assert answer["name"] == "ana" and answer["orgs"][0]["roleInOrg"] == "admin"
    assert answer["auth"]["accessToken"]["fineGrained"]["scoped"] == SCOPED
    with pytest.raises(HfHubHTTPError) as refused:
        HfApi(endpoint=hub.url, token="hf_nobody").whoami()
    assert _status(refused) == 401


def test_checks_a_card_before_the_commit(hub: Hub, ana: HfApi):
    _commit(ana, {"README.md": b"---\nlicense: apache-2.0\nlanguage: [zh, no]\ntags: [poems]\n---\n# Poems\n"})
    info = ana.model_info("ana/model")
    assert info.card_data.license == "apache-2.0" and {"poems", "license:apache-2.0", "language:zh"} <= set(info.tags)
    for metadata, message in (
        ("license: apache", '"license" must be one of'),
        ("language: Chinese", r'"language\[0\]" with value "Chinese" is not valid'),
        ("- license", "must be an object"),
        ("license: [", "YAML Metadata Error"),
    ):
        with pytest.raises(ValueError, match=message):
            _commit(ana, {"README.md": f"---\n{metadata}\n---\n".encode()})
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        _commit(ana, {"README.md": b"# Poems"})


def test_lists_in_pages(hub: Hub, ana: HfApi):
    names = {f"{number}.txt" for number in range(7)}
    _commit(ana, dict.fromkeys(names, b"x"))
    hub.requests.clear()
    there = {".gitattributes", "notes.txt", "model.safetensors", *names}
    assert {file.path for file in ana.list_repo_tree("ana/model")} == there
    assert hub.count("GET", "/tree/main") == 4
    for number in range(3):
        _commit(ana, {"notes.txt": b"%d" % number})
    assert len(ana.list_repo_commits("ana/model")) == 6 and hub.count("GET", "/commits/main") == 2


def test_answers_ranges(hub: Hub, ana: HfApi):
    for path, content in (("notes.txt", b"one"), ("model.safetensors", WEIGHTS)):
        address, size = f"{hub.url}/ana/model/resolve/main/{path}", len(content)
        for asked, start, stop in (("1-1", 1, 2), ("1-", 1, size), ("-2", size - 2, size), ("0-9999", 0, size)):
            answer = get_session().get(address, headers={"Range": f"bytes={asked}"})
            assert (answer.status_code, answer.content) == (206, content[start:stop])
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert get_session().get(address, headers={"Range": f"bytes={size}-"}).status_code == 416
        assert get_session().get(address).content == content


def test_unknown_paths_are_not_found(hub: Hub, ana: HfApi):
    repository = f"{hub.url}/api/models/ana/model"
    for address in (
        f"{hub.url}/",
        f"{hub.url}/api/none",
        f"{repository}/xet-write-token/main",
        f"{repository}/tree/no",
    ):
        assert get_session().get(address).status_code == 404
    assert not ana.file_exists("ana/model", "none.txt")
    assert ana.get_paths_info("ana/model", ["none.txt"]) == []


def test_fails_with_a_status(hub: Hub, ana: HfApi):
    for what in (500, 503, 409, 412, 429):
        hub.faults.add("POST", "/commit/main$", what)
        with pytest.raises(HfHubHTTPError) as refused:
            _commit(ana, {"notes.txt": b"two"})
        assert _status(refused) == what and hub.files("ana/model")["notes.txt"] == b"one"
    _commit(ana, {"notes.txt": b"two"})
    assert hub.files("ana/model")["notes.txt"] == b"two" and hub.faults.waiting == []


def test_fault_lets_requests_pass_first_and_repeats_as_configured(hub: Hub, ana: HfApi):
    hub.faults.add("GET", "/whoami", 503, times=2, after=1, retry_after=7)
    answers = [
        get_session().get(f"{hub.url}/api/whoami-v2", headers={"Authorization": "Bearer hf_ana"}) for _ in "1234"
    ]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, "7", "7", None]


def test_drops_the_connection_before_or_after_the_work(hub: Hub, ana: HfApi, caplog: pytest.LogCaptureFixture):
    for what, content in (("drop", b"one"), ("drop_after", b"two")):
        hub.faults.add("POST", "/commit/main$", what)
        with pytest.raises(httpx2.RemoteProtocolError):
            _commit(ana, {"notes.txt": b"two"})
        assert hub.files("ana/model")["notes.txt"] == content
        assert hub.requests[-1].status is None and hub.requests[-1].fault == what
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_dropped_upload_is_retried(hub: Hub, ana: HfApi):
    hub.faults.add("PUT", "/lfs/", "drop")
    _commit(ana, {"model.safetensors": WEIGHTS[1:]})
    assert [(upload.size, upload.status) for upload in hub.uploads()] == [(1023, None), (1023, 200)]
    assert hub.files("ana/model")["model.safetensors"] == WEIGHTS[1:]


def test_truncated_download_is_retried(hub: Hub, ana: HfApi, tmp_path: Path):
    hub.faults.add("GET", "/lfs/", "truncate")
    copy = ana.hf_hub_download("ana/model", "model.safetensors", cache_dir=tmp_path)
    assert Path(copy).read_bytes() == WEIGHTS
    assert [record.fault for record in hub.requests if record.path.startswith("/lfs/")] == ["truncate", None]


@pytest.mark.slow
def test_datasets_and_transformers_are_served(hub: Hub, ana: HfApi, tiny_model: Path, tmp_path: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ana.create_repo("lab/tiny", private=True)
    ana.upload_folder(repo_id="lab/tiny", folder_path=tiny_model)
    program = Path(__file__).parent / "loopback_hub" / "real_clients.py"
    environment = hub.environment("hf_ana", tmp_path / "home")
    command = [sys.executable, str(program), "lab/texts", "lab/tiny"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    got = json.loads(result.stdout)
    assert got["whole"] == got["streamed"] == {"letters": ["見字如面"], "poems": ["床前明月光", "疑是地上霜"]}
    weights = AutoModelForCausalLM.from_pretrained(tiny_model).get_input_embeddings().weight
    assert got["weight"] == float(weights.detach().double().sum())
    assert got["encoded"] == AutoTokenizer.from_pretrained(tiny_model)("見字如面")["input_ids"]
    assert not [record for record in hub.requests if (record.status or 500) >= 500]
