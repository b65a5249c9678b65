"""What stops a stage with one line instead of a stack trace."""

import os
import sys


class UserError(Exception):
    """Input that cannot be used: the message says where and what to do, in one line.

    Recipes print it without a stack trace and exit with code 2.
    """


class EngineFailed(UserError):
    """The library that runs the model did not start, or died at work; launch.py adds at which task, and the log."""


def tell(error: Exception) -> None:
    """Print a user's mistake on stderr, once on each machine: the processes of a training meet it together."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(error, file=sys.stderr)
