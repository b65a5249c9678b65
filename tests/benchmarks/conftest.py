"""The measurements import each other as scripts do: from their own folder, after all others."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture
def gpu_command(repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python benchmarks/gpu.py` with these words, on a machine without a GPU."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "benchmarks/gpu.py", *words]
        environment = os.environ | {"PYTHONPATH": str(repository), "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)

    return run
