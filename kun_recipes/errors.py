"""What stops a stage with one line instead of a stack trace."""


class UserError(Exception):
    """Input that cannot be used: the message says where and what to do, in one line.

    Recipes print it without a stack trace and exit with code 2.
    """


class EngineFailed(UserError):
    """The library that runs the model did not start, or died at work; launch.py adds at which task, and the log."""
