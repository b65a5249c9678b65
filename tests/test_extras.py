"""An environment per extra of setup.cfg, with nothing else in it: what the extra names is enough for its stages.

`make test-extras` runs this, with pip's index; elsewhere it is skipped.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest

from kun_recipes.chain.loading import load_chain
from tests.distribution import ENVIRONMENT

pytestmark = [pytest.mark.slow, pytest.mark.extras, pytest.mark.timeout(1200)]

STAGES = {
    "": ("corpus", "publish"),
    "train": ("label_model", "primary_chat_model", "final_model"),
    "generate": ("label", "refine"),
    "evaluate": ("evaluate",),
    "statistics": ("statistics",),
    "study": ("study",),
    "report": ("report",),
    "opencc": ("corpus",),
    "demo": ("corpus", "label_model", "label", "refine", "evaluate", "statistics", "study", "report", "publish"),
}
"""Stages that run in the environment of each extra."""

OPTIONS = {"opencc": ("--to_simplified", "true")}
"""Options of those stages there."""

COMMANDS = {
    "": ("recipes/export.py --help", "recipes/publish.py --help", "recipes/run.py --help"),
    "train": ("recipes/preference.py --help",),
    "annotate": ("recipes/annotate.py --help", "-c 'import kun_recipes.annotation.server'"),
    "docs": ("-m mkdocs build --strict --site-dir {folder}",),
}
"""Other commands that run there."""

ELSEWHERE = {
    "gpu": "needs a GPU",
    "vllm": "make test-vllm, with its build for CPUs",
    "deepspeed": "tests/training",
    "dev": "make test",
}


def extras() -> set[str]:
    setup = ConfigParser()
    setup.read("setup.cfg", encoding="utf-8")
    return set(setup["options.extras_require"])


@pytest.fixture(scope="module")
def environment(distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an environment with an extra alone, and returns its interpreter."""

    def make(extra: str) -> Path:
        folder = tmp_path_factory.mktemp("environments") / (extra or "base")
        run(sys.executable, "-m", "venv", folder)
        python = folder / "bin/python"
        torch = f"torch=={metadata.version('torch').partition('+')[0]}"  # first and exact: as the Makefile
        package = f"{distribution}[{extra}]" if extra else str(distribution)
        run(python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", folder / "report", package)
        if '"name": "torch"' in (folder / "report").read_text(encoding="utf-8"):
            run(python, "-m", "pip", "install", "--quiet", torch)
        run(python, "-m", "pip", "install", "--quiet", package)
        run(python, "-m", "pip", "check")
        return python

    return make


def run(*words: object) -> None:
    done = subprocess.run([*map(str, words)], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def test_every_extra_is_tried(in_repository):
    assert set(STAGES) | set(COMMANDS) | set(ELSEWHERE) == extras() | {""}


@pytest.mark.parametrize("extra", sorted(set(STAGES) | set(COMMANDS)))
def test_extra_is_enough_for_its_stages(extra, environment, demo_command, finished, tmp_path, in_repository):
    python = environment(extra)
    output = shutil.copytree(finished, tmp_path / "run")
    for stage in load_chain("recipes/demo", demo_command(output)[3:]).stages:
        if stage.name in STAGES.get(extra, ()):
            for folder in stage.written():
                shutil.rmtree(folder, ignore_errors=True)
            run(python, *stage.command[1:], *OPTIONS.get(extra, ()))
            assert (stage.folder / stage.kind.summary_file).is_file()
    for number, command in enumerate(COMMANDS.get(extra, ())):
        run("bash", "-c", f"{python} {command.format(folder=tmp_path / str(number))}")
    shutil.rmtree(python.parent.parent)
