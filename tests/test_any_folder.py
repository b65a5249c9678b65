"""A recipe runs from any current folder, by any path, and may be moved when it is finished."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_finished_run_may_move_and_be_run_from_another_folder(
    repository, demo_command, finished, contents, tmp_path
):
    moved = tmp_path / "moved"
    shutil.copytree(finished, moved)
    before = contents(moved)
    (tmp_path / "greedy").mkdir()  # the name of a sampling preset: no input of any stage
    done = subprocess.run(demo_command(Path("moved")), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("complete:") == 11
    assert contents(moved) == before


def test_a_stage_runs_from_a_foreign_folder(repository, tmp_path):
    command = [repository / "recipes/corpus.py", "--config", "recipes/demo/corpus.yaml", "--max_documents", "1"]
    words = ["--output_dir", "corpus", "--model", "no/such/model"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [os.sys.executable, *map(str, command), *words], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert done.stderr.startswith("model no/such/model: is neither a folder, a model source file")
