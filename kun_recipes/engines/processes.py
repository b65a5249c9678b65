"""The processes that an engine starts: where they log, and that they end with the stage."""

import contextlib
import logging
import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from typing import TextIO


def end_with_us(children: list[multiprocessing.Process]) -> subprocess.Popen:
    """Kill `children` when this process ends, however it does: they would outlive a SIGKILL, and keep its GPUs.

    Returns a process that waits for the end of its input, which the system closes with us. Keep it.
    """
    kill = "cat; kill -9 " + " ".join(str(child.pid) for child in children)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(["sh", "-c", kill], stdin=subprocess.PIPE, start_new_session=True, **quiet)


@contextlib.contextmanager
def log_to(stream: TextIO, logger: str) -> Iterator[None]:
    """Send what a library logs where `stream` goes, here and in the processes that start meanwhile, for good.

    They write to the terminal otherwise. The pipeline closes its log before the last word is said: hence a copy.

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
                handler.setStream(log)
        for descriptor, earlier in zip((1, 2), kept, strict=True):
            os.dup2(earlier, descriptor)
            os.close(earlier)
