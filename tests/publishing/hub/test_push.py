"""Pushing: whole or not at all, nothing twice, whatever fails on the way."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from huggingface_hub import HfApi

from kun_recipes.data.manifest import MANIFEST, read_manifest
from kun_recipes.errors import UserError
from kun_recipes.publishing.build import build
from kun_recipes.publishing.hub import Pushed, push
from kun_recipes.publishing.hub.read_back import read_back
from kun_recipes.publishing.record import read_run
from tests.publishing.run_folder import RunFolder

pytestmark = pytest.mark.slow

FAULTS = [500, 503, 409, 412, 429, "drop", "drop_after"]
ENDPOINTS = {
    "look": ("GET", "/api/datasets/ana/Pairs$"),
    "create": ("POST", "/api/repos/create"),
    "refs": ("GET", "/refs$"),
    "tree": ("GET", "/tree/"),
    "validate": ("POST", "/api/validate-yaml"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/objects/batch"),
    "put": ("PUT", "/lfs/"),
    "verify": ("POST", "/lfs/verify"),
    "commit": ("POST", "/commit/main"),
    "revision": ("GET", "/revision/"),
    "resolve": ("GET", "/resolve/"),
    "head": ("HEAD", "/resolve/"),
    "object": ("GET", "/lfs/"),
    "tag": ("POST", "/tag/"),
    "settings": ("PUT", "/settings"),
}


@pytest.fixture(scope="module")
def release(tmp_path_factory, tiny_model, repository):
    """Built once: a dataset, and a model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        run = RunFolder(tmp_path_factory.mktemp("release"), tiny_model)
        config = run.config(repositories=["dataset=Pairs", "label_model=Labeller"])
        build(config, read_run(config), lambda line: None)
        return run.folder / "publish"


@pytest.fixture
def folder(release, tmp_path) -> Path:
    return shutil.copytree(release / "dataset", tmp_path / "dataset")


@pytest.fixture
def model(release, tmp_path) -> Path:
    return shutil.copytree(release / "label_model", tmp_path / "label_model")


def send(folder: Path, api: HfApi, kind: str = "dataset", tag: str = "v1.0.0", private: bool = True) -> Pushed:
    return push(folder, kind, "ana/Pairs", tag, private, api, lambda line: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def on_main(hub, kind: str = "dataset") -> dict[str, bytes]:
    files = hub.files("ana/Pairs", kind)
    return {name: content for name, content in files.items() if name != ".gitattributes"}


def commits(hub, kind: str = "datasets") -> int:
    return len(hub.store.repositories[kind, "ana/Pairs"].history("main")) - 1  # the first is the Hub's own


def test_pushed_files_equal_the_built_ones(hub, api, folder):
    pushed = send(folder, api)
    assert on_main(hub) == contents(folder)
    assert commits(hub) == 1
    repository = hub.store.repositories["datasets", "ana/Pairs"]
    assert repository.private
    assert repository.tags == {"v1.0.0": repository.branches["main"]}
    assert pushed == Pushed(f"{hub.url}/datasets/ana/Pairs", repository.branches["main"], True, "12 rows")


def test_pushed_model_files_equal_the_built_ones(hub, api, model):
    pushed = send(model, api, kind="model")
    assert on_main(hub, "model") == contents(model)
    assert pushed.verified == f"{len(contents(model)) - 2} files"  # but for the card and the manifest itself
    assert str(pushed).startswith(f"{hub.url}/ana/Pairs: pushed as ")


def test_repository_becomes_public_on_request_after_verification(hub, api, folder):
    send(folder, api, private=False)
    assert not hub.store.repositories["datasets", "ana/Pairs"].private
    paths = [record.path for record in hub.requests if record.method != "HEAD"]
    last_read = max(number for number, path in enumerate(paths) if "/resolve/" in path or "/lfs/" in path)
    assert paths.index("/api/datasets/ana/Pairs/settings") > last_read


def test_second_push_of_the_same_release_sends_nothing(hub, api, folder):
    first = send(folder, api)
    uploads, sent = len(hub.uploads()), hub.count("POST", "/commit/")
    second = send(folder, api)
    assert (len(hub.uploads()), hub.count("POST", "/commit/")) == (uploads, sent)
    assert second == Pushed(first.url, first.commit, False, "12 rows")
    assert commits(hub) == 1


@pytest.mark.parametrize("what", FAULTS, ids=str)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_failure_at_any_endpoint_loses_and_repeats_nothing(hub, api, folder, endpoint, what):
    method, path = ENDPOINTS[endpoint]
    if endpoint == "tree":
        send(folder, api)  # a model's or an earlier release's files are listed
        (folder / "README.md").write_text((folder / "README.md").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    fault = hub.faults.add(method, path, what, times=1)
    send(folder, api, private=endpoint != "settings")
    assert fault not in hub.faults.waiting, "the fault was not met"
    assert on_main(hub) == contents(folder)
    assert commits(hub) == (2 if endpoint == "tree" else 1)
    assert "v1.0.0" in hub.store.repositories["datasets", "ana/Pairs"].tags
    arrived = [upload.oid for upload in hub.uploads() if upload.status == 200]
    assert len(arrived) == len(set(arrived)), "a file that had arrived was sent again"


@pytest.mark.parametrize("what", FAULTS, ids=str)
@pytest.mark.parametrize("endpoint", ["tree", "resolve", "head", "put", "commit"])
def test_a_failure_while_a_model_is_pushed_and_read_back(hub, api, model, endpoint, what):
    method, path = ENDPOINTS[endpoint]
    fault = hub.faults.add(method, path, what, times=1)
    send(model, api, kind="model")
    assert fault not in hub.faults.waiting, "the fault was not met"
    assert on_main(hub, "model") == contents(model)
    assert commits(hub, "models") == 1


def test_truncated_body_during_verification_is_retried(hub, api, folder):
    fault = hub.faults.add("GET", "/lfs/", "truncate")
    assert send(folder, api).verified == "12 rows"
    assert fault not in hub.faults.waiting


@pytest.mark.parametrize(("endpoint", "after"), [("put", 1), ("put", 2), ("commit", 0)])
def test_interrupted_push_leaves_main_unchanged_and_resumes(hub, api, folder, endpoint, after):
    method, path = ENDPOINTS[endpoint]
    fault = hub.faults.add(method, path, 503, times=10_000, after=after)
    with pytest.raises(UserError) as caught:
        send(folder, api)
    assert str(caught.value).startswith("ana/Pairs: committing: failed 6 times, the last time with status 503")
    assert "run the same command later to resume" in str(caught.value)
    assert on_main(hub) == {}
    hub.faults.waiting.remove(fault)
    arrived = {upload.oid for upload in hub.uploads() if upload.status == 200}
    before = len(hub.uploads())
    send(folder, api)
    assert on_main(hub) == contents(folder)
    assert not arrived & {upload.oid for upload in hub.uploads()[before:]}, "what had arrived was sent again"
    assert commits(hub) == 1


def test_retry_after_header_is_respected(hub, api, folder, monkeypatch):
    waited = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    hub.faults.add("POST", "/commit/main", 429, retry_after=7)
    send(folder, api)
    assert waited == [7.0]


def test_another_release_replaces_the_first_in_one_commit(hub, api, folder, run_folder):
    send(folder, api)
    run_folder.rows = [row for row in run_folder.rows if row["source"] != "wanjuan"]
    run_folder.write()
    config = run_folder.config(repositories=["dataset=Pairs"], tag="v2.0.0")
    build(config, read_run(config), lambda line: None)
    before = len(hub.uploads())
    second = run_folder.folder / "publish/dataset"
    send(second, api, tag="v2.0.0")
    assert on_main(hub) == contents(second)  # the shard of wanjuan is gone
    assert commits(hub) == 2
    assert len(hub.uploads()) == before + 1  # the shard of preference pairs; the other shards are as they were
    tags = hub.store.repositories["datasets", "ana/Pairs"].tags
    assert sorted(tags) == ["v1.0.0", "v2.0.0"] and tags["v1.0.0"] != tags["v2.0.0"]


def test_a_tag_is_never_moved_to_another_content(hub, api, folder, run_folder):
    send(folder, api)
    run_folder.rows = run_folder.rows[:-1]
    run_folder.write()
    config = run_folder.config(repositories=["dataset=Pairs"])
    build(config, read_run(config), lambda line: None)
    folder = run_folder.folder / "publish/dataset"
    with pytest.raises(UserError, match=r"ana/Pairs: v1\.0\.0 already belongs to another release; set a new `tag:`"):
        send(folder, api)
    assert commits(hub) == 1


def test_a_word_of_the_card_can_be_corrected_under_the_same_tag(hub, api, folder):
    send(folder, api)
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("Kun", "kun"), encoding="utf-8")
    assert send(folder, api).changed
    assert on_main(hub)["README.md"] == card.read_bytes()


def test_foreign_files_are_kept_unless_they_would_be_loaded(hub, api, folder):
    api.create_repo("ana/Pairs", repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="notes.txt", repo_id="ana/Pairs", repo_type="dataset")
    send(folder, api)
    assert on_main(hub) == contents(folder) | {"notes.txt": b"x"}
    api.upload_file(
        path_or_fileobj=b"x", path_in_repo="data/wudao-x.parquet", repo_id="ana/Pairs", repo_type="dataset"
    )
    with pytest.raises(UserError, match=r"contains data/wudao-x\.parquet, which no release of this package uploaded"):
        send(folder, api)


def test_concurrent_commit_is_kept(hub, api, folder, monkeypatch):
    create_commit = HfApi.create_commit

    def late(self, *args, **kwargs):
        monkeypatch.setattr(HfApi, "create_commit", create_commit)
        api.upload_file(path_or_fileobj=b"x", path_in_repo="notes.txt", repo_id="ana/Pairs", repo_type="dataset")
        return self.create_commit(*args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", late)
    send(folder, api)
    assert on_main(hub) == contents(folder) | {"notes.txt": b"x"}
    assert commits(hub) == 2


class Meeting(HfApi):
    """A client that waits before each call that changes the Hub until another one is about to make the same call."""

    def __init__(self, endpoint: str, together: dict[str, Barrier]):
        super().__init__(endpoint=endpoint, token="hf_ana")
        self.together = dict(together)

    def _meet(self, call: str) -> None:
        if barrier := self.together.pop(call, None):
            barrier.wait(timeout=120)

    def create_repo(self, *args, **kwargs):
        self._meet("create_repo")
        return super().create_repo(*args, **kwargs)

    def create_commit(self, *args, **kwargs):
        self._meet("create_commit")
        return super().create_commit(*args, **kwargs)

    def create_tag(self, *args, **kwargs):
        self._meet("create_tag")
        return super().create_tag(*args, **kwargs)


@pytest.mark.parametrize("tag", ["v1.0.0", None], ids=["release", "stage"])
def test_two_tasks_that_push_the_same_rows_at_once_both_succeed(hub, folder, tmp_path, tag, capsys):
    calls = ["create_repo", "create_commit", *(["create_tag"] if tag else [])]
    together = {call: Barrier(2) for call in calls}
    copies = [folder, shutil.copytree(folder, tmp_path / "copy")]
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(send, one, Meeting(hub.url, together), tag=tag) for one in copies]
        done = [task.result() for task in tasks]
    assert "A commit has happened since" in capsys.readouterr().err  # they met
    assert on_main(hub) == contents(folder)
    assert commits(hub) == 1
    main = hub.store.repositories["datasets", "ana/Pairs"].branches["main"]
    assert {(one.commit, one.verified) for one in done} == {(main, "12 rows")}
    assert hub.store.repositories["datasets", "ana/Pairs"].tags == ({tag: main} if tag else {})


def test_two_tasks_that_push_other_rows_at_once_leave_those_of_one(hub, folder, tmp_path, run_folder):
    run_folder.rows.pop()
    run_folder.write()
    config = run_folder.config(repositories=["dataset=Pairs"])
    build(config, read_run(config), lambda line: None)
    other = run_folder.folder / "publish/dataset"
    together = {"create_repo": Barrier(2), "create_commit": Barrier(2)}
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(send, one, Meeting(hub.url, together), tag=None) for one in (folder, other)]
        done = [task.result() for task in tasks]
    assert on_main(hub) in (contents(folder), contents(other))
    assert commits(hub) == 2
    assert {one.verified for one in done} == {"12 rows", "10 rows"}  # each read back its own commit


def test_metadata_that_the_hub_refuses_stops_before_a_file_is_sent(hub, api, folder):
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("license: cc-by-nc-4.0", "license: mine"), encoding="utf-8")
    with pytest.raises(UserError, match=r"ana/Pairs: .*README\.md.*license"):
        send(folder, api)
    assert hub.uploads() == []
    assert on_main(hub) == {}


def test_rows_that_differ_on_the_hub_are_never_tagged(hub, api, folder, monkeypatch):
    create_commit = HfApi.create_commit

    def mixed_up(self, *args, **kwargs):
        info = create_commit(self, *args, **kwargs)
        files = hub.store.repositories["datasets", "ana/Pairs"].at(info.oid).files
        files["data/wudao-00000-of-00001.parquet"] = files["data/skypile-00000-of-00001.parquet"]
        return info

    monkeypatch.setattr(HfApi, "create_commit", mixed_up)
    with pytest.raises(UserError, match="row 1 of wudao read back from the Hub differs from what was sent"):
        send(folder, api, private=False)
    repository = hub.store.repositories["datasets", "ana/Pairs"]
    assert repository.tags == {} and repository.private


def test_broken_shard_on_the_hub_is_an_error(hub, api, folder):
    send(folder, api)
    for upload in hub.uploads():
        path = hub.store.path(upload.oid)
        path.write_bytes(path.read_bytes()[:-8] + b"00000000")
    with pytest.raises(UserError, match=r"ana/Pairs: reading \w+ back: failed 6 times, the last time with "):
        read_back(folder, read_manifest(folder / MANIFEST), "ana/Pairs", "dataset", "main", api)


def test_token_without_write_access_is_an_error(hub, folder):
    with pytest.raises(UserError, match="ana/Pairs: creating the repository: the token does not allow this"):
        send(folder, HfApi(endpoint=hub.url, token="hf_reader"))
