"""Share out the tests among the workers of pytest-xdist, and end each of pytest's processes safely.

Tests of a group run in one worker, in their order, so that what they share is made once. Without workers the groups
have no effect.
"""

import os
import signal
import sys
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

CHAIN = (
    "tests/chain/",
    "tests/execution/",
    "tests/test_any_folder.py",
    "tests/test_demo.py",
    "tests/test_extras.py",
    "tests/test_slurm.py",
)
"""Where the tests are that need a whole run of the chain, or the private Slurm."""

_exit_status = 0


def group_of(nodeid: str) -> str:
    """Return the group of a test: the chain's, the browser's, or that of its folder below tests/."""
    path = nodeid.partition("::")[0]
    if path.startswith(CHAIN):
        return "chain"
    return "browser" if path.endswith("/test_browser.py") else path.split("/")[:2][-1].removesuffix(".py")


class ByGroup(LoadScopeScheduling):
    """Hand out whole groups; under pytest 9.2 the loadgroup of pytest-xdist 3.8 groups nothing: it sets _nodeid."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest group first, and refuse a test of it that stands elsewhere."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        shares = "slurm" in used or {"demo_command", "finished"} <= used  # a parameter may be called finished, too
        if shares and group_of(item.nodeid) != "chain":
            raise pytest.UsageError(f"{item.nodeid}: uses slurm or finished; add its file to CHAIN of {__file__}")
    if hasattr(config, "workerinput"):  # in a worker
        items.sort(key=lambda item: group_of(item.nodeid) != "chain")


def pytest_sessionfinish(exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)
    if "vllm" in sys.modules and "PYTEST_XDIST_WORKER" in os.environ:
        # execnet interrupts a worker that takes 5 s to end, which would be Python's own end; it then kills the worker
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.hookimpl(trylast=True)  # after the summary, and after a worker has told its last result
def pytest_unconfigure() -> None:
    """End the process as a stage does: what vLLM loads may abort Python's own end on a machine's first run."""
    if "vllm" in sys.modules:
        from kun_recipes.cli import exit_if_vllm_is_loaded  # here: only a run with vLLM needs it

        exit_if_vllm_is_loaded(_exit_status)
