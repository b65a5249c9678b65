"""A server of chat completions on this machine, which answers by the prompt alone and fails on request."""

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

END = "<|im_end|>"
Fault = Callable[["Handler", dict[str, Any]], None]
"""Function that answers a request in another way."""


class ChatServer:
    """Attributes:
    asked: bodies of the requests, in the order in which they came.
    answered: those of them that got an answer.
    headers: of each request.
    faults: what answers the next requests, one each; then `when` decides, then all is well.
    when: returns a fault for a body, or None.
    change: changes a reply.
    seconds: that an answer takes.
    most: requests that were there at a time.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.faults: list[Fault] = []
        self.when: Callable[[dict[str, Any]], Fault | None] = lambda body: None
        self.change: Callable[[dict[str, Any]], Any] = lambda reply: reply
        self.seconds: Callable[[dict[str, Any]], float] = lambda body: 0.0
        self.at_work = self.most = 0
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.chat = self  # type: ignore[attr-defined]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def forget(self) -> None:
        self.asked, self.answered, self.headers = [], [], []
        self.most = 0

    def rows_asked(self) -> list[dict[str, Any]]:
        """The requests without those by which a stage tries the server."""
        return [body for body in self.asked if body["messages"] != [{"role": "user", "content": "你好"}]]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_POST(self) -> None:
        chat: ChatServer = self.server.chat
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with chat.lock:
            chat.asked.append(body)
            chat.headers.append({name.lower(): value for name, value in self.headers.items()})
            chat.at_work += 1
            chat.most = max(chat.most, chat.at_work)
            fault = chat.faults.pop(0) if chat.faults else chat.when(body)
        time.sleep(chat.seconds(body))
        with chat.lock:
            chat.at_work -= 1
        if self.path != "/v1/chat/completions":
            fault = status(404, {"detail": "Not Found"})
        if fault:
            fault(self, body)
            return
        with chat.lock:
            chat.answered.append(body)
        self.send(200, json.dumps(chat.change(reply_to(body))))

    def send(self, code: int, text: str, **headers: str) -> None:
        data = text.encode()
        self.send_response(code)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def reply_to(body: dict[str, Any]) -> dict[str, Any]:
    """The reply to a request: it depends on the request, and on nothing else."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    text = f"请介绍第{digest[0]}号条目的来历和第{digest[1]}种用途。"
    tokens = list(text)
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if body["max_tokens"] < len(tokens):
        tokens = tokens[: body["max_tokens"]]
        choice |= {"message": {"role": "assistant", "content": "".join(tokens)}, "finish_reason": "length"}
    elif body.get("logprobs"):
        tokens = [*tokens, END]
    if body.get("logprobs"):
        entries = [
            {"token": token, "logprob": -digest[place] / 512, "bytes": None} for place, token in enumerate(tokens)
        ]
        if top := body.get("top_logprobs"):
            entries[0]["top_logprobs"] = likeliest(digest)[:top]
        choice["logprobs"] = {"content": entries}
    read = sum(len(turn["content"]) for turn in body["messages"])
    usage = {"prompt_tokens": read, "completion_tokens": len(tokens), "total_tokens": read + len(tokens)}
    return {"object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


def likeliest(digest: bytes) -> list[dict[str, Any]]:
    """Nine tenths of the probability lie on the answers of the judges."""
    yes = 0.05 + 0.35 * digest[0] / 255
    shares = {"是": yes, "好": yes, "否": 0.45 - yes, "差": 0.45 - yes, "The": 0.04, "\n": 0.01}
    shares |= {"A": 0.02, "B": 0.015, "C": 0.01, "D": 0.005}
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in ordered]


def status(code: int, body: Any = None, **headers: str) -> Fault:
    """Answer with a status and a body: JSON, or text as it is."""
    text = body if isinstance(body, str) else json.dumps(body or {"error": {"message": f"status {code}"}})
    return lambda handler, _: handler.send(code, text, **headers)


def cut(handler: Handler, body: dict[str, Any]) -> None:
    """Promise the whole answer, and close in its middle."""
    text = json.dumps(reply_to(body)).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text[: len(text) // 2])
    handler.close_connection = True


def cut_chunks(handler: Handler, body: dict[str, Any]) -> None:
    """Send the answer in chunks, and close before the last."""
    text = json.dumps(reply_to(body)).encode()[:20]
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
    handler.close_connection = True


def hang_up(handler: Handler, _: dict[str, Any]) -> None:
    """Close without a word."""
    handler.close_connection = True


def stall(handler: Handler, _: dict[str, Any]) -> None:
    """Say nothing for longer than a test waits."""
    time.sleep(1)
    handler.close_connection = True


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
