"""Retries of calls to the Hub: which failures are transient, how long to wait, and the error when all tries failed.

huggingface_hub retries uploads and downloads by itself, but not commits, tags and new repositories.
"""

import sys
from collections.abc import Callable
from typing import TypeVar

import tenacity
from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalEntryNotFoundError

from kun_recipes.errors import UserError

Result = TypeVar("Result")

TRANSIENT = frozenset([408, 409, 412, 429, 500, 502, 503, 504])
"""Statuses that may go away: a commit at the same moment, too many requests, a server in trouble."""

TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; doubled each time, with some chance in it, unless the Hub names a time


def with_retries(doing: str, call: Callable[[], Result], also: tuple[type[Exception], ...] = ()) -> Result:
    """Return the result of a call to the Hub, retried while its failures are transient.

    Args:
        doing: what the call does, as "org/name: the commit".
        also: further transient failures, such as those of a reader whose connection breaks off.

    Raises:
        UserError: the failure is permanent, or the call failed `TRIES` times.
    """

    def is_transient(error: BaseException) -> bool:
        refused = _http_error(error)
        if refused is None:
            return isinstance(error, also)
        # an error without a status is a broken connection
        return not isinstance(refused, HfHubHTTPError) or refused.response.status_code in TRANSIENT

    def print_wait(state: tenacity.RetryCallState) -> None:
        print(f"{doing}: {_short(_failure(state))}; retrying in {state.upcoming_sleep:.0f} s", file=sys.stderr)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(TRIES),
        wait=_wait,
        before_sleep=print_wait,
        reraise=True,
    )
    raised: tuple[type[Exception], ...] = (HTTPError, RuntimeError, LocalEntryNotFoundError, *also)
    try:
        return retrying(call)
    except raised as error:
        if _http_error(error) is None and not isinstance(error, also):
            raise
        tries = retrying.statistics["attempt_number"] if is_transient(error) else 0
        raise UserError(_explain(doing, error, tries)) from (_http_error(error) or error)


def _http_error(error: BaseException | None) -> HTTPError | None:
    """Return the Hub's failure behind an error: the client wraps those of uploads and of downloads."""
    if isinstance(error, (RuntimeError, LocalEntryNotFoundError)):
        error = error.__cause__
    return error if isinstance(error, HTTPError) else None


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    assert state.outcome is not None  # tenacity asks only after a try
    return state.outcome.exception()


def _wait(state: tenacity.RetryCallState) -> float:
    error = _http_error(_failure(state))
    named = error.response.headers.get("Retry-After", "") if isinstance(error, HfHubHTTPError) else ""
    if named.isdigit():
        return min(float(named), LONGEST_WAIT)
    return tenacity.wait_exponential_jitter(FIRST_WAIT, LONGEST_WAIT)(state)


def _explain(doing: str, error: Exception, tries: int) -> str:
    """Return one line on a failure; `tries` is 0 for one that is permanent."""
    if tries:
        return (
            f"{doing}: failed {tries} times, the last time with {_short(error)}; "
            "run the same command later to resume; what has arrived is not sent again"
        )
    refused = _http_error(error)
    if isinstance(refused, HfHubHTTPError) and refused.response.status_code in (401, 403):
        return f"{doing}: the token does not allow this ({_short(error)}); run `hf auth login` with a write token"
    return f"{doing}: the Hub refused the request ({_short(error)})"


def _short(error: BaseException | None) -> str:
    """Return the status and the server's own message, or the reason of a broken connection."""
    refused = _http_error(error)
    if not isinstance(refused, HfHubHTTPError):
        return str(refused or error).strip().partition("\n")[0] or type(error).__name__
    words = (refused.server_message or "").strip().partition("\n")[0]
    return f"status {refused.response.status_code}{f', {words}' if words else ''}"
