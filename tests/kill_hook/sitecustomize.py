"""Imported by Python at its start, where killing.py asks for it: the process group kills itself at a given moment."""

import os
import signal
import sys

FILE_OPERATIONS = ("open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir")


def kill_once_it_exists(event: str, _: tuple) -> None:
    """Audit hook: SIGKILL the process group before its first file operation after the path has appeared."""
    if event in FILE_OPERATIONS and os.path.lexists(path):
        os.killpg(0, signal.SIGKILL)


if path := os.environ.get("KILL_WHEN_EXISTS"):
    sys.addaudithook(kill_once_it_exists)
