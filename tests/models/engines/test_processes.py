"""The processes of an engine: they log where the stage does, and end with it."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kun_recipes.models.engines.processes import MARK, PASSES, killed_at_exit, log_to

PARENT = """
import multiprocessing, time
from kun_recipes.models.engines.processes import killed_at_exit

def start_another():
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    child.start()
    print(child.pid, flush=True)
    time.sleep(600)

if __name__ == "__main__":
    with killed_at_exit() as waiting:
        child = multiprocessing.get_context("spawn").Process(target=start_another)
        child.start()
    print(child.pid, flush=True)
    time.sleep(600)
"""


def test_child_processes_end_with_a_killed_process(tmp_path: Path):
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE) as parent:
        children = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        assert all(child.is_running() for child in children)
        parent.kill()
    assert psutil.wait_procs(children, timeout=20)[1] == []


def test_only_the_processes_started_meanwhile_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(MARK, "of an engine above")
    with subprocess.Popen(["sleep", "60"]) as before:
        with killed_at_exit() as waiting:
            meanwhile = subprocess.Popen(["sleep", "60"])
        with subprocess.Popen(["sleep", "60"]) as after:
            waiting.communicate()
            assert meanwhile.wait(20) == -9
            with pytest.raises(subprocess.TimeoutExpired):
                after.wait(PASSES + 1)
            assert before.poll() is None
            after.kill()
        before.kill()
    assert os.environ[MARK] == "of an engine above"


def test_a_library_and_its_processes_log_into_the_stream(tmp_path: Path, capfd):
    logger = logging.getLogger("alibrary")
    with (tmp_path / "log").open("w", encoding="utf-8") as stream, log_to(stream, "alibrary"):
        handler = logging.StreamHandler(sys.stdout)
        handler.name = "alibrary"
        logger.addHandler(handler)
        subprocess.run([sys.executable, "-c", "import os; os.write(1, b'out '); os.write(2, b'err ')"], check=True)
    os.write(1, b"here")
    logger.error("after the stream was closed")
    logger.removeHandler(handler)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "out err after the stream was closed\n"
    assert capfd.readouterr() == ("here", "")
