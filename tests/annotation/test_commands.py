import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kun_recipes import annotation
from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.commands import serve_page
from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.storage import Database
from kun_recipes.annotation.study import read_study
from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.config.command_line import load
from tests.annotation.conftest import ANSWER, write_study
from tests.annotation.serving import Server, free_port

DEMO = ["--config", "recipes/demo/annotate.yaml"]


@dataclass
class Done:
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def annotate(in_repository, study_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    """The script on the small study, but in this process: importing takes seconds."""
    script = runpy.run_path("recipes/annotate.py")

    def run(*words: object) -> Done:
        where = ["--study_dir", study_dir, "--output_dir", tmp_path / "out"]
        code = 0
        try:
            with mistakes_in_one_line():
                script["run"](load(AnnotateConfig, [*DEMO, *map(str, [*where, *words])]))
        except SystemExit as ended:
            code = ended.code
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def voted(database: Database) -> None:
    assigner = Assigner(database, 3, 3, 60, seed=0)
    for name in ("anna", "bo", "chen"):
        step = assigner.show("quality", name)
        while step.assignment:
            step = assigner.submit("quality", name, step.assignment.id, ANSWER)


def one_line(done: Done) -> str:
    assert done.code == 2
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_missing_study_is_reported_in_one_line(annotate, tmp_path):
    assert "contains no study; run the study stage" in one_line(annotate("--study_dir", tmp_path / "no"))


def test_port_in_use_is_reported_in_one_line(annotate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = one_line(annotate("--port", port))
    assert f"127.0.0.1:{port}: cannot listen on this address (" in line and "); choose another --port" in line


def test_broken_database_is_reported_in_one_line(annotate, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "annotation.sqlite").write_text("no database" * 100)
    assert "annotation.sqlite: cannot be used for votes (" in one_line(annotate())


def test_votes_of_another_study_are_reported_in_one_line(annotate, database, tmp_path):
    other = write_study(tmp_path / "other", items=2)
    assert "contains votes on quality items of another study" in one_line(annotate("--study_dir", other))


@pytest.mark.parametrize("action", ["--export", "--overview"])
def test_overview_without_votes_is_reported_in_one_line(annotate, action):
    assert "annotation.sqlite: no votes yet; serve the page first" in one_line(annotate(action, "true"))


def test_export_without_votes_is_reported_in_one_line(annotate, database):
    assert "annotation.sqlite: no votes yet" in one_line(annotate("--export", "true"))


def test_votes_on_missing_items_are_reported_in_one_line(annotate, voted, tmp_path):
    other = write_study(tmp_path / "other", items=2)
    assert "which is not in study_dir" in one_line(annotate("--export", "true", "--study_dir", other))


def test_overview(annotate, voted):
    shown = annotate("--overview", "true")
    assert shown.code == 0, shown.stderr
    assert "│ quality    │ 12    │ 12 │" in shown.stdout
    assert "│ anna      │ 4       │ 0          │" in shown.stdout
    assert "│ practicality │ 4/0/0          │ 1.000 │" in shown.stdout


def test_export(annotate, voted, tmp_path):
    assert annotate("--export", "true").code == 0
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert [path for path in written if not path.startswith("annotation")] == [
        "dataset/README.md",
        "dataset/quality.parquet",
        "votes/quality_votes.csv",
        "votes/quality_votes.jsonl",
    ]
    assert len((tmp_path / "out/votes/quality_votes.jsonl").read_text().splitlines()) == 12


@pytest.mark.slow
def test_the_page_is_served_until_it_is_stopped(study_dir, tmp_path):
    server = Server(study_dir, tmp_path / "out", ["anna", "bo", "chen"])
    try:
        assert list(server.links) == ["anna", "bo", "chen", "admin"]
        assert httpx.get(f"http://127.0.0.1:{server.port}/").status_code == 403
        assert httpx.get(server.links["anna"]).status_code == 200
    finally:
        server.process.send_signal(signal.SIGINT)
        rest = server.process.communicate()[0]
    assert "Traceback" not in rest
    assert server.process.returncode == 130
    kept = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert not any(link.split("key=")[1].encode() in kept for link in server.links.values())


def test_missing_extra_is_reported_in_one_line(config, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in ("server", "pages"):
        monkeypatch.delitem(sys.modules, f"kun_recipes.annotation.{name}", raising=False)
        monkeypatch.delattr(annotation, name, raising=False)
    with pytest.raises(SystemExit), mistakes_in_one_line():
        serve_page(config)
    assert capsys.readouterr().err == "gradio is missing; run pip install --editable '.[annotate]'\n"


def test_a_space(annotate, tmp_path):
    space = tmp_path / "space"
    made = annotate("--space_dir", space)
    assert made.code == 0, made.stderr
    files = {str(path.relative_to(space)) for path in space.rglob("*") if path.is_file()}
    assert {"README.md", "Dockerfile", "app.py", "requirements.txt", "settings.json"} <= files
    assert {"study/quality.jsonl", "study/preference.jsonl", "kun_recipes/annotation/page.css"} <= files
    texts = {name: (space / name).read_text(encoding="utf-8") for name in files if name.startswith("study/")}
    assert not any(model in text for text in texts.values() for model in ('"kun', "belle"))
    secret = made.stdout.split("hashes of the keys:\n")[1].splitlines()[0].strip()
    assert set(json.loads(secret)) == {"anna", "bo", "chen", "admin"}
    assert not any(secret in path.read_text("latin-1") for path in space.rglob("*") if path.is_file())


def test_space_serves_alone_and_its_votes_are_exported(annotate, study_dir, tmp_path):
    space = tmp_path / "space"
    made = annotate("--space_dir", space)
    key = made.stdout.split("/?key=")[1].splitlines()[0]
    secret = made.stdout.split("hashes of the keys:\n")[1].splitlines()[0].strip()
    settings = json.loads((space / "settings.json").read_text())
    assert set(settings) == {"annotators", "votes_per_item", "timeout_minutes", "both_bad", "seed", "language"}
    port = free_port()
    (space / "settings.json").write_text(json.dumps(settings | {"port": port}))
    environment = os.environ | {"ANNOTATION_KEYS": secret, "ANNOTATION_DIR": str(tmp_path / "data")}
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=space,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("serving on 0.0.0.0")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            assert client.get("/", params={"key": key}).status_code == 200
            call = "/zh/preference/gradio_api/run/"
            shown = client.post(call + "show", json={"data": [], "session_hash": "x"}).json()["data"]
            client.post(call + "left", json={"data": [shown[3]], "session_hash": "x"}).raise_for_status()
    finally:
        process.terminate()
        process.communicate()
    (tmp_path / "data" / "annotation.sqlite").rename(tmp_path / "out" / "annotation.sqlite")
    for log in (tmp_path / "data").glob("annotation.sqlite-*"):
        log.rename(tmp_path / "out" / log.name)
    assert annotate("--export", "true").code == 0
    vote = json.loads((tmp_path / "out/votes/preference_votes.jsonl").read_text())
    assert vote["item"] in read_study(study_dir).tasks["preference"]
    assert vote["choice"] == vote["first"]


@pytest.mark.slow
def test_space_without_its_secret_is_an_error(annotate, tmp_path):
    annotate("--space_dir", tmp_path / "space")
    environment = {name: value for name, value in os.environ.items() if name != "ANNOTATION_KEYS"}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path / "space", env=environment, capture_output=True, text=True
    )
    assert done.stderr == "the secret ANNOTATION_KEYS is not set; README.md says where to find its value\n"


def test_folder_with_foreign_files_is_left_alone(annotate, tmp_path):
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "precious").touch()
    assert "exists, but was not written by this command" in one_line(annotate("--space_dir", tmp_path / "space"))
    assert (tmp_path / "space" / "precious").exists()
