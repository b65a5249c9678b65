"""The source distribution of this package, as a package index has it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kun_recipes.shipped import FOLDERS

BUILT_FROM = (
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "README.zh.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "mkdocs.yml",
    "kun_recipes",
    "docs",
    "tests",
    "benchmarks",
    *(name for name in FOLDERS if "/" not in name),
)
"""Everything but what only a working copy needs."""
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run_python(folder: Path, *words: object, **variables: str) -> str:
    """Run the tests' interpreter in a folder, without the repository on its path; return what it prints."""
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | variables, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def distribution(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, as a package index has it."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    for name in BUILT_FROM:
        copy = shutil.copytree if (repository / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(repository / name, source / name)
    (source / "recipes/__pycache__").mkdir(exist_ok=True)
    (source / "recipes/__pycache__/run.cpython-311.pyc").touch()
    build_sdist = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    run_python(source, "-c", build_sdist)
    (archive,) = folder.glob("*.tar.gz")
    return archive
