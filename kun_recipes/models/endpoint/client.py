"""The requests to a server: many at a time, tried again after failures that pass, with a clear line for the others."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import orjson
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from kun_recipes.errors import UserError
from kun_recipes.models.endpoint.record import Answer
from kun_recipes.models.endpoint.replies import NoLogprobs, Passing, Refused, message_of, read_choice, read_text
from kun_recipes.models.engines.settings import EndpointSettings

LONGEST_WAIT = 600.0
"""Seconds; a server that asks for more is asked again by the same command later."""

LONGEST_SAID = 200
"""Characters of what a server says that a message repeats."""

GROWING = wait_random_exponential(multiplier=1, max=60)

PASS = {408, 409, 425, 429}
"""Statuses that may be temporary, in addition to 5xx."""
REFUSE = {400, 413, 422}
"""Statuses by which a server refuses what is in a request."""
USED_UP = ("insufficient_quota", "insufficient balance", "billing")
"""Words of a 429 that no waiting cures."""

GOES_ON = "the answers so far are kept; run the same command again to request the rest"


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        body: as it is sent.
        choices: beginnings of the answer that are allowed; none: a text is asked for.
    """

    body: bytes
    choices: tuple[str, ...] = ()


Outcome = Answer | Refused
Took = Callable[[Request, Outcome], None]


class Client:
    """Asks a server. The key is read from the environment, and stands in no message.

    Raises UserError where the variable that should hold the key does not.
    """

    def __init__(self, settings: EndpointSettings):
        self.settings = settings
        self.headers = httpx2.Headers({"content-type": "application/json"})
        if settings.key_variable:
            _add_key(self.headers, settings.key_variable)
        self.trusted = httpx2.create_ssl_context() if settings.base_url.startswith("https:") else False
        self.not_before = 0.0  # of the loop's clock: one 429 is said to all

    def ask(self, requests: Sequence[Request], took: Took) -> None:
        """Ask all, and hand over each outcome as it comes.

        Raises:
            UserError: a request failed for good, or too often; the others are given up.
        """
        try:
            asyncio.run(self._ask(requests, took))
        except BaseExceptionGroup as group:
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None

    async def _ask(self, requests: Sequence[Request], took: Took) -> None:
        self.not_before = 0.0
        waiting = iter(requests)
        limits = httpx2.Limits(max_connections=self.settings.concurrency)
        async with httpx2.AsyncClient(headers=self.headers, verify=self.trusted, limits=limits, timeout=None) as http:

            async def work() -> None:
                for request in waiting:
                    took(request, await self._outcome(http, request))

            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.settings.concurrency, len(requests))):
                    group.create_task(work())

    async def _outcome(self, http: httpx2.AsyncClient, request: Request) -> Outcome:
        tries = AsyncRetrying(
            stop=stop_after_attempt(self.settings.retries + 1),
            wait=_wait,
            retry=retry_if_exception_type(Passing),
            reraise=True,
        )
        try:
            return await tries(self._answer, http, request)
        except Refused as refused:
            return refused
        except Passing as error:
            tries_made = f"{self.settings.retries + 1} tries" if self.settings.retries else "one try"
            raise self._failed(f"{self._clean(str(error))}, after {tries_made}; {GOES_ON}") from None
        except NoLogprobs as error:
            raise self._failed(f"{error}; {_without(request)}") from None

    async def _answer(self, http: httpx2.AsyncClient, request: Request) -> Answer:
        loop = asyncio.get_running_loop()
        while (wait := self.not_before - loop.time()) > 0:
            await asyncio.sleep(wait)
        try:
            async with asyncio.timeout(self.settings.timeout):
                response = await http.post(f"{self.settings.base_url}/chat/completions", content=request.body)
        except TimeoutError:
            raise Passing(f"no answer within {self.settings.timeout:g} seconds") from None
        except httpx2.RequestError as error:
            what = "cannot be reached" if isinstance(error, httpx2.ConnectError) else "the connection broke"
            raise Passing(f"{what} ({type(error).__name__})") from None
        reply = _json(response, self._without_key(response.content))
        if response.status_code == httpx2.codes.OK:
            return read_choice(reply, request.choices) if request.choices else read_text(reply, self.settings.logprobs)
        raise self._refusal(response, self._clean(message_of(reply)), loop.time())

    def _refusal(self, response: httpx2.Response, said: str, now: float) -> Exception:
        """Return the error that a status other than 200 is."""
        status = response.status_code
        if status in REFUSE:
            return Refused(f"{status}: {said}")
        if status in PASS and any(word in said.lower() for word in USED_UP):
            return self._failed(f"{status}: {said}; {GOES_ON}")
        if status in PASS or status >= 500:
            after = _retry_after(response)
            if after is not None and after > LONGEST_WAIT:
                return self._failed(f"{status}: {said}; wait {after:.0f} seconds, as the server asks; {GOES_ON}")
            self.not_before = max(self.not_before, now + (after or 0.0))
            return Passing(f"{status}: {said}", after)
        return self._failed(f"{status}: {said}; {self._advice(status)}")

    def _advice(self, status: int) -> str:
        variable = self.settings.key_variable
        if status in (401, 403):
            if variable is None:
                return "the server needs a key; set api_key_variable to the name of the variable that holds it"
            return f"the server rejects the key in ${variable}"
        if status == 404:
            return "check base_url, and that the server has a model of this name"
        if status == 402:
            return GOES_ON
        return "check base_url" if status < 400 else "check base_url and the options of the request"

    def _failed(self, message: str) -> UserError:
        return UserError(f"{self.settings.base_url}: {message}")

    def _clean(self, text: str) -> str:
        """Return the beginning of what a server says."""
        return text[:LONGEST_SAID]

    def _without_key(self, body: bytes) -> bytes:
        """Return a body without the key, which some servers repeat: a log shows the values of variables."""
        key = self.headers.get("authorization", "").removeprefix("Bearer ").encode()
        return body.replace(key, "…".encode()) if key else body


def _add_key(headers: httpx2.Headers, variable: str) -> None:
    if not (found := os.environ.get(variable, "").strip()):
        raise UserError(f"api_key_variable: ${variable} is unset or empty; export it where the stage runs")
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UserError(f"api_key_variable: ${variable} contains characters that no key has")
    headers["authorization"] = f"Bearer {found}"


def _without(request: Request) -> str:
    if request.choices:
        return "judge with another server, or with engine transformers or vllm"
    return "set logprobs: false and max_perplexity: null"


def _wait(state: RetryCallState) -> float:
    """Return what the server asks to wait, else seconds that grow with every try."""
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, Passing) else None
    return GROWING(state) if after is None else after


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of Retry-After, which may be a date; None without a valid one."""
    said = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _json(response: httpx2.Response, body: bytes) -> Any:
    """Return a body as it was meant, or its text. A 200 without JSON was cut, or is a gateway's page."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if response.status_code == httpx2.codes.OK:
            raise Passing("the answer is truncated or not JSON") from None
        return body.decode(errors="replace") or response.reason_phrase
