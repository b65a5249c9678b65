"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """Input that cannot be used: the message says where and what to do, in one line.

    Recipes print it without a stack trace and exit with code 2.
    """
