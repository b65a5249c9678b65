"""Frame of every recipe script: read the config, and report a user's mistake in one line."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from rich.console import Console

from kun_recipes.config.command_line import parse
from kun_recipes.errors import UserError, print_once_per_machine
from kun_recipes.models.engines import release_engines

Config = TypeVar("Config", bound=Any)

PIPED_COLUMNS = 240

SECONDS_TO_LET_GO = 20
"""Time to wait for another process: a stage whose run was killed notices when it next draws its progress."""


def wide_console() -> Console:
    """Return a console whose tables are not cut when the output is a pipe or a file and COLUMNS is not set."""
    seen = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if seen else PIPED_COLUMNS)


@contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """End the process with one line and exit code 2 on a user's mistake. For scripts that run stages."""
    try:
        yield
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; run the same command again to resume", file=sys.stderr)
        sys.exit(130)


def main(config_class: type[Config], run: Callable[[Config], Any], argv: Sequence[str] | None = None) -> None:
    """Parse the command line into `config_class` and run; a `UserError` ends the process with exit code 2."""
    # the libraries' own bars and notes; ours are in kun_recipes.progress and each stage's report
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    config = parse(config_class, argv)
    try:
        with only_process(Path(config.output_dir)):
            run(config)
        exit_if_vllm_is_loaded(0)
    except UserError as error:
        print_once_per_machine(error)
        exit_if_vllm_is_loaded(2)
        sys.exit(2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"{error.filename or 'output_dir'}: the disk is full; free some space and run again", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; run the same command again to resume", file=sys.stderr)
        sys.exit(130)


def exit_if_vllm_is_loaded(code: int) -> None:
    """End the process at once if vLLM is in it: what that loads may abort Python's own end. Do nothing otherwise.

    Seen on a machine's first run, the stage finished: "terminate called without an active exception", exit code -6.
    """
    if "vllm" in sys.modules:
        release_engines()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def only_process(output_dir: Path) -> Iterator[None]:
    """Hold the stage's folder, so that a run started again cannot meet what is left of the one before.

    The ranks of one training share it: the first holds it for all. The system frees the lock of a process that dies.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    output_dir.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(output_dir.parent / f".{output_dir.name}.lock")
    try:
        with lock.acquire(timeout=SECONDS_TO_LET_GO):
            yield
    except Timeout as error:
        raise UserError(f"{output_dir}: another process is working on it; wait for it, or stop it") from error
