"""Share out the tests among the workers of pytest-xdist, and end each of pytest's processes safely.

Tests of a group run in one worker, in their order, so that what they share is made once. Without workers the groups
have no effect.
"""

import os
import sys

import pytest

FIRST = "chain"
"""The group that takes longest."""

_exit_status = 0


def group_of(item: pytest.Item) -> str:
    """Return the group of a test.

    One group has all that needs a whole run of the chain or the private Slurm, one the browser's tests, and of the
    other tests each folder below tests/ is one.
    """
    if {"slurm", "finished"} & set(getattr(item, "fixturenames", ())):
        return FIRST
    if item.get_closest_marker("browser"):
        return "browser"
    return item.nodeid.partition("::")[0].split("/")[:2][-1].removesuffix(".py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
        items.sort(key=lambda item: group_of(item) != FIRST)


def pytest_sessionfinish(exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)  # after the summary, and after a worker has told its last result
def pytest_unconfigure() -> None:
    """End the process as a stage does: what vLLM loads may abort Python's own end on a machine's first run."""
    if "vllm" in sys.modules:
        from kun_recipes.cli import exit_if_vllm_is_loaded  # here: it takes seconds

        exit_if_vllm_is_loaded(_exit_status)
