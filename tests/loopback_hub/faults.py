"""Faults on demand, and a record of every request."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
TRANSPORT = "loopback_hub.transport"  # the scope's extension that holds the connection


@dataclass
class Fault:
    """What happens to a request instead of its answer; see Faults.add."""

    method: str
    path: re.Pattern[str]
    what: int | str
    times: int
    after: int
    retry_after: int | None


class Faults:
    """The faults still to come."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(
        self,
        method: str,
        path: str,
        what: int | str,
        times: int = 1,
        after: int = 0,
        retry_after: int | None = None,
    ) -> Fault:
        """Let requests fail.

        Args:
            path: a regular expression to be found in the path as it is sent (a branch `a/b` is `a%2Fb` there).
            what: a status to answer with; "drop": close the connection without an answer; "drop_after": do the work,
                then close it; "truncate": send half of the answer's body, then close it; "hang": never answer.
            times: how many requests.
            after: how many requests that match are let through before.
            retry_after: seconds, for a header of that name.
        """
        if not isinstance(what, int) and what not in ("drop", "drop_after", "truncate", "hang"):
            raise ValueError(f"no such fault: {what!r}")
        self.waiting.append(Fault(method, re.compile(path), what, times, after, retry_after))
        return self.waiting[-1]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets."""
        for fault in list(self.waiting):
            if fault.method != method or not fault.path.search(path):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            if fault.times == 0:
                self.waiting.remove(fault)
            return fault
        return None


@dataclass
class Record:
    """A request as it was served. `status` is None if the connection was closed without an answer."""

    method: str
    path: str
    query: str
    status: int | None = None
    received: int = 0
    fault: int | str | None = None


@dataclass
class Faulty:
    """The application, with every request noted in `records` and some answered by a fault."""

    app: Callable[..., Awaitable[None]]
    faults: Faults = field(default_factory=Faults)
    records: list[Record] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        record = Record(scope["method"], scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii"))
        self.records.append(record)
        # Also before a fault: closing a connection with bytes unread resets it, and what the client sees then varies.
        if (body := await _whole_body(receive)) is None:
            return
        record.received = len(body)
        if fault := self.faults.take(record.method, record.path):
            record.fault = fault.what

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)

        if isinstance(record.fault, int):
            return await _refuse(fault, noted)
        if record.fault == "hang":
            return await _until_gone(receive)
        if record.fault != "drop":
            shown = {None: noted, "truncate": _half(noted), "drop_after": _nothing}[record.fault]
            await self.app(scope, replay, shown)
        if record.fault:
            await _close(scope, receive)


async def _whole_body(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """The request's body; None if the client went away."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _refuse(fault: Fault, send: Send) -> None:
    body = json.dumps({"error": f"injected fault {fault.what}"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if fault.retry_after is not None:
        headers.append((b"retry-after", b"%d" % fault.retry_after))
    await send({"type": "http.response.start", "status": fault.what, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _nothing(message: Message) -> None:
    pass


def _half(send: Send) -> Send:
    async def send_half(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return send_half


async def _close(scope: dict[str, Any], receive: Callable[[], Awaitable[Message]]) -> None:
    """Close the connection, and wait until uvicorn has noticed, which else would complain of a missing answer."""
    scope["extensions"][TRANSPORT].close()
    await _until_gone(receive)


async def _until_gone(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
