"""Publishing through the recipe script and the true clients, against a Hub on loopback."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.loopback_hub import User, running_hub
from tests.publishing.run_folder import RunFolder

pytestmark = pytest.mark.slow

USERS = [User("hf_ana", "ana"), User("hf_bob", "bob"), User("hf_reader", "ana", role="read")]
CLIENT = """
import json, sys
from datasets import load_dataset, get_dataset_config_names
from huggingface_hub import hf_hub_download
name = sys.argv[1]
whole = load_dataset(name, revision="v1.0.0")
print(json.dumps({
    "configs": get_dataset_config_names(name),
    "whole": {split: rows["id"][:] for split, rows in whole.items()},
    "config": load_dataset(name, "wudao", split="wudao")[:],
    "streamed": list(load_dataset(name, split="wudao", streaming=True)),
}))
"""


@pytest.fixture(scope="module")
def run_of(tmp_path_factory, tiny_model, repository) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        return RunFolder(tmp_path_factory.mktemp("publish"), tiny_model)


@pytest.fixture
def hub(tmp_path):
    with running_hub(tmp_path / "hub", USERS) as server:
        yield server


@pytest.fixture
def call(hub, tmp_path, repository):
    """Run Python as a user of the Hub, with a home of their own, in the project's folder."""

    def run(*words: object, token: str | None = "hf_ana") -> subprocess.CompletedProcess:
        command = [sys.executable, *map(str, words)]
        environment = hub.environment(token, tmp_path / f"home-{token}")
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)

    return run


def words(run_of: RunFolder, output: Path, **changes: object) -> list[str]:
    return ["recipes/publish.py", *run_of.words(output_dir=output, **changes)]


def test_pushed_dataset_loads_as_its_card_says(run_of, hub, call, tmp_path):
    names = ["dataset=Pairs", "label_model=Labeller", "final_model=Final"]
    command = words(run_of, tmp_path / "publish", repositories=names)
    dry = call(*command)
    assert dry.returncode == 0, dry.stderr
    assert "nothing was pushed" in dry.stderr and "data/" in dry.stderr and "└──" in dry.stderr
    assert hub.requests == []
    pushed = call(*command, "--push")
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stderr.count("all identical to what was sent") == 3

    loaded = call("-c", CLIENT, "ana/Pairs")
    assert loaded.returncode == 0, loaded.stderr
    found = json.loads(loaded.stdout)
    assert found["configs"] == ["default", "preference", "skypile", "wanjuan", "wudao"]
    assert found["whole"]["wudao"] == found["config"]["id"] == [row["id"] for row in found["streamed"]]
    stranger = call("-c", CLIENT, "ana/Pairs", token="hf_bob")
    assert stranger.returncode != 0 and "DatasetNotFoundError" in stranger.stderr

    for name in ("dataset", "label_model", "final_model"):
        card = (tmp_path / "publish" / name / "README.md").read_text(encoding="utf-8")
        code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1].replace(', device_map="auto"', "")
        done = call("-c", code)
        assert done.returncode == 0, done.stderr

    uploads, commits = len(hub.uploads()), hub.count("POST", "/commit/")
    again = call(*command, "--push")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("nothing to send") == 3
    assert (len(hub.uploads()), hub.count("POST", "/commit/")) == (uploads, commits)

    checked = call("recipes/publish.py", "--check", "ana/Pairs")
    assert checked.returncode == 0, checked.stderr + checked.stdout
    assert "ana/Pairs: 6 rows: skypile 2, wanjuan 2, wudao 2" in checked.stdout
    assert call("recipes/publish.py", "--check", "ana/Pairs", token="hf_bob").returncode == 2


def test_push_killed_during_an_upload_resumes_with_the_remaining_files(run_of, hub, tmp_path, repository, call):
    command = words(run_of, tmp_path / "publish", repositories=["dataset=Pairs"])
    stuck = hub.faults.add("PUT", "/lfs/", "hang", times=10_000, after=2)
    running = subprocess.Popen(
        [sys.executable, *command, "--push"],
        cwd=repository,
        env=hub.environment("hf_ana", tmp_path / "home-hf_ana"),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(arrived := {upload.oid for upload in hub.uploads() if upload.status == 200}) < 2:
        assert running.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(arrived) == 2
    running.send_signal(signal.SIGKILL)  # the third upload hangs, and nothing continues without it
    running.wait()
    assert set(hub.files("ana/Pairs", "dataset")) == {".gitattributes"}
    hub.faults.waiting.remove(stuck)
    before = len(hub.uploads())
    done = call(*command, "--push")
    assert done.returncode == 0, done.stderr
    assert not arrived & {upload.oid for upload in hub.uploads()[before:]}
    folder = tmp_path / "publish/dataset"
    sent = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {name: held for name, held in hub.files("ana/Pairs", "dataset").items() if name in sent} == sent


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "no token for pushing"),
        ("hf_wrong", "does not accept this token"),
        ("hf_reader", "has only read access"),
    ],
)
def test_run_that_pushes_checks_the_token_before_any_work(call, tmp_path, tiny_model, token, message):
    output = tmp_path / "run"
    options = ["--output_dir", output, "--model", tiny_model, "--namespace", "ana", "--push", "true"]
    done = call("recipes/run.py", "recipes/demo", *options, token=token)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not output.exists()


def test_dry_run_overrides_push_in_the_file(run_of, hub, call, tmp_path):
    (tmp_path / "publish.yaml").write_text("push: true\n", encoding="utf-8")
    script, *options = words(run_of, tmp_path / "publish", repositories=["dataset=Pairs"])
    done = call(script, "--config", tmp_path / "publish.yaml", *options, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "nothing was pushed" in done.stderr
    assert hub.requests == []


def test_corrected_card_stays_until_the_namespace_changes(run_of, call, tmp_path):
    folder = tmp_path / "publish"
    command = words(run_of, folder, repositories=["dataset=Pairs"])
    assert call(*command).returncode == 0
    card = folder / "dataset/README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("Five rows", "Five of them"), encoding="utf-8")
    assert call(*command).returncode == 0
    assert "Five of them" in card.read_text(encoding="utf-8")
    done = call(*words(run_of, folder, repositories=["dataset=Pairs"], namespace="bob"))
    assert done.returncode == 0, done.stderr
    assert "bob/Pairs" in card.read_text(encoding="utf-8") and "Five of them" not in card.read_text(encoding="utf-8")


def test_folder_with_foreign_files_is_not_removed(run_of, call, tmp_path):
    folder = tmp_path / "publish"
    shutil.copytree(run_of.folder / "corpus", folder)
    (folder / "stage.json").unlink()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    call(*words(run_of, folder, repositories=["dataset=Pairs"]))
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
