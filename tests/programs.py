"""Programs that some tests need, one marker per program: without its program a marked test is skipped.

The environment variable KUN_RECIPES_REQUIRE lists the markers whose programs must be there, as in "slurm,browser":
a missing one of these is a failure, so that a broken installation cannot pass for a test.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

REQUIRED = "KUN_RECIPES_REQUIRE"
CHROMIUM = Path("/usr/bin/chromium")
SLURM = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")


def missing_slurm() -> str | None:
    """Return why no private Slurm can be started; None if one can."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if missing := [program for program in SLURM if shutil.which(program, path=path) is None]:
        return f"{', '.join(missing)} not found; `make setup-slurm` installs Slurm"
    return None if os.geteuid() == 0 else "a private Slurm has to be started as root"


def missing_chromium() -> str | None:
    return None if CHROMIUM.is_file() else f"{CHROMIUM} not found; `make setup-browser` installs Chromium"


def missing_vllm() -> str | None:
    return None if find_spec("vllm") else "vllm is not installed; `make test-vllm` installs it and runs its tests"


def missing_environments() -> str | None:
    asked = "extras" in required()
    return None if asked else "`make test-extras` makes an environment per extra, from pip's index, and tests it"


MISSING = {
    "slurm": missing_slurm,
    "browser": missing_chromium,
    "vllm": missing_vllm,
    "extras": missing_environments,
}


def required() -> set[str]:
    return set(filter(None, os.environ.get(REQUIRED, "").split(",")))


def pytest_configure() -> None:
    if unknown := required() - set(MISSING):
        raise pytest.UsageError(f"{REQUIRED}: {', '.join(sorted(unknown))} is not one of {', '.join(MISSING)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose program is missing, or fail it if the program is required."""
    for marker, missing in MISSING.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            if marker in required():
                pytest.fail(f"{REQUIRED} names {marker}, but {reason}", pytrace=False)
            pytest.skip(reason)
