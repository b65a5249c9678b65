"""The processes that an engine starts: where they log, and that they end with the stage."""

import contextlib
import logging
import os
import subprocess
import uuid
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import TextIO

MARK = "KUN_RECIPES_ENGINE"
"""Environment variable by which the processes of an engine are known, however deep they were started."""

PASSES = 5
"""Further looks for them, a second apart."""


@contextlib.contextmanager
def killed_at_exit() -> Iterator[subprocess.Popen[bytes]]:
    """Kill the processes started inside this context when this process ends, however it ends.

    They would outlive a SIGKILL, also one that comes while the engine starts, and keep the GPUs. Processes that
    this process starts later are not affected: they live on when the engine is closed.

    Yields a process that waits for the end of its input, which the system closes with us. Keep it; to kill them
    earlier, close its input.
    """
    mark = uuid.uuid4().hex
    marked = f"grep --files-with-matches --no-messages --null-data '^{MARK}={mark}$' /proc/[0-9]*/environ"
    kill = f"{marked} | cut -d / -f 3 | xargs --no-run-if-empty kill -9"
    again = f"for again in $(seq {PASSES}); do sleep 1; {kill}; done"  # a process shows no mark while it begins
    waiting = subprocess.Popen(
        ["sh", "-c", f"cat; {kill}; ({again}) &"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name != MARK},
    )
    resource_tracker.ensure_running()  # not the engine's: it removes what a killed engine leaves in shared memory
    earlier = os.environ.get(MARK)
    os.environ[MARK] = mark
    try:
        yield waiting
    finally:
        if earlier is None:
            del os.environ[MARK]
        else:
            os.environ[MARK] = earlier


@contextlib.contextmanager
def log_to(stream: TextIO, logger: str) -> Iterator[None]:
    """Send what a library logs where `stream` goes, here and in the processes that start meanwhile, for good.

    They would write to the terminal. The pipeline closes its log before the last message: hence a copy.

    Args:
        logger: name of the library's logger, and of its handler.
    """
    log = os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8")
    kept = [os.dup(1), os.dup(2)]
    try:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
        yield
    finally:
        for handler in logging.getLogger(logger).handlers:  # set up while the engine was made
            if handler.name == logger:
                assert isinstance(handler, logging.StreamHandler)  # vLLM's handler of its own name is one
                handler.setStream(log)
        for descriptor, earlier in zip((1, 2), kept, strict=True):
            os.dup2(earlier, descriptor)
            os.close(earlier)
