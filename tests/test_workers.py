"""Runs of pytest itself, with and without workers: how tests are shared out, exit codes, the last line, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.killing import take_interrupts
from tests.workers import group_of

GROUPS = {
    "tests/test_demo.py::test_a": "chain",
    "tests/chain/cluster/test_queue.py::test_a[1::2/3]": "chain",
    "tests/execution/test_folder_names.py::test_a": "chain",
    "tests/annotation/test_browser.py::test_a": "browser",
    "tests/training/test_sft.py::test_a[a/b]": "training",
    "tests/models/engines/test_plain.py::test_a": "models",
    "tests/test_corpus.py::test_a": "test_corpus",
}


@pytest.mark.parametrize(("nodeid", "group"), GROUPS.items(), ids=list(GROUPS.values()))
def test_shared_fixtures_are_made_by_one_worker(nodeid, group):
    assert group_of(nodeid) == group


WORDS = {"alone": [], "workers": ["--numprocesses", "2", "--dist", "loadscope", "--no-loadscope-reorder"]}

ABORTS_AT_ITS_END = """
import atexit, os, sys, time
from types import ModuleType
sys.modules["vllm"] = ModuleType("vllm")
atexit.register(os.abort)

def pytest_terminal_summary(config):
    if hasattr(config, "workerinput"):  # in a worker
        time.sleep({seconds})
"""


@pytest.fixture(params=WORDS.values(), ids=WORDS)
def start(request, repository: Path, tmp_path: Path):
    """Start pytest on these files in a folder of its own, with this project's plugins."""

    def run(more: dict[str, str] | None = None, **files: str) -> subprocess.Popen:
        for name, content in files.items():
            (tmp_path / f"{name}.py").write_text(content, encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "KUN_"))}
        plugins = ["-p", "tests.programs", "-p", "tests.workers"]
        command = [sys.executable, "-m", "pytest", "-c", str(repository / "setup.cfg"), f"--rootdir={tmp_path}"]
        return subprocess.Popen(
            [*command, *plugins, *request.param, str(tmp_path)],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(repository)} | (more or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=take_interrupts,
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "code", "said", "seconds"),
    [("pass", 0, "2 passed", 0), ("assert 0", 1, "1 failed, 1 passed", 0), ("pass", 0, "2 passed", 6)],
    ids=["passed", "failed", "slow end"],
)
def test_a_run_with_vllm_ends_with_its_summary_and_exit_code(start, body, code, said, seconds):
    one, two = (f"def test_{name}():\n    {what}\n" for name, what in (("one", "pass"), ("two", body)))
    run = start(conftest=ABORTS_AT_ITS_END.replace("{seconds}", str(seconds)), test_one=one, test_two=two)
    printed = run.communicate(timeout=120)[0]
    assert run.returncode == code, printed
    assert said in printed.splitlines()[-1], printed
    assert "Abort" not in printed


@pytest.mark.slow
def test_a_required_program_that_is_missing_is_a_failure(start):
    test = "import pytest\n\n@pytest.mark.slurm\ndef test_one():\n    pass\n"
    for required, code, said in (("", 0, "1 skipped"), ("slurm", 1, "1 error"), ("slrum", 4, "slrum is not one of")):
        run = start({"KUN_RECIPES_REQUIRE": required, "PATH": "/nowhere"}, test_one=test)
        printed = run.communicate(timeout=120)[0]
        assert (run.returncode, said in printed.rstrip().splitlines()[-1]) == (code, True), printed


SLEEPS = """
import time
from pathlib import Path

import pytest

@pytest.fixture(scope="session")
def daemon():
    Path("started").touch()
    yield
    Path("stopped").touch()

def test_one(daemon):
    time.sleep(100)
"""


@pytest.mark.slow
def test_interrupt_ends_the_run_and_its_processes(start, tmp_path):
    run = start(test_one=SLEEPS)
    while not (tmp_path / "started").exists():
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    printed = run.communicate(timeout=60)[0]
    assert run.returncode == 2, printed
    assert "KeyboardInterrupt" in printed
    assert (tmp_path / "stopped").exists()


TWO = """
import os
import time
from pathlib import Path

def test_one():
    Path("worker").write_text(os.environ.get("PYTEST_XDIST_WORKER", "alone"))
    time.sleep(1)

def test_two():
    assert Path("worker").read_text() == os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""


@pytest.mark.slow
def test_one_worker_runs_all_tests_of_a_group(start):
    run = start(test_one=TWO)
    printed = run.communicate(timeout=120)[0]
    assert run.returncode == 0, printed
