"""Errors that stop a stage with one line instead of a stack trace."""

import os
import sys


class UserError(Exception):
    """Input that cannot be used: the message says where and what to do, in one line.

    Recipes print it without a stack trace and exit with code 2.
    """


class ConfigError(UserError):
    """A value of a configuration that cannot work.

    Args:
        key: the option, such as "corpora[0].format"; None for the file as a whole.
        message: what is wrong, to be read after the key.
        where: the file, or "command line"; added by the code that loads the configuration.
    """

    def __init__(self, key: str | None, message: str, where: str | None = None):
        super().__init__(message)
        self.key, self.message, self.where = key, message, where

    def __reduce__(self) -> tuple[type, tuple[str | None, str, str | None]]:  # a worker sends it to the main process
        return type(self), (self.key, self.message, self.where)

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.where, self.key, self.message) if part is not None)


class EngineFailed(UserError):
    """The library that runs the model did not start, or died at work; launch.py adds at which task, and the log."""


def print_once_per_machine(message: object) -> None:
    """Print a message on stderr, such as a mistake that the processes of a training meet together: one prints it."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(message, file=sys.stderr)
