"""Access by secret link: a link opens the page for one annotator, and without one every request is refused.

The check stands in front of the whole application, Gradio's own addresses included.
"""

from http.cookies import SimpleCookie
from importlib.resources import files
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kun_recipes.annotation.config import ADMIN
from kun_recipes.annotation.keys import Keys

ANNOTATOR = "annotator"
"""Key of a request's scope under which handlers find who asks."""

COOKIE_SECONDS = 90 * 24 * 3600
BLOCKED_ENDPOINTS = ("upload", "file", "proxy", "stream", "component_server", "process_recording")
"""Of Gradio's addresses below gradio_api/, those that the pages do without."""

# Gradio's page needs inline scripts. Nothing is loaded from, or sent to, any other machine.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",  # the link holds the key
    "X-Content-Type-Options": "nosniff",
}


class LinkAuthentication:
    """ASGI middleware: `/?key=…` sets a cookie; every other request needs it, or is answered 403.

    The pages below /admin are the admin's, all others the annotators'.

    Args:
        cookie: its name; servers of several studies on one machine share their cookies, so each has its own.
    """

    def __init__(self, app: ASGIApp, keys: Keys, cookie: str):
        self.app, self.keys, self.cookie = app, keys, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await (self._answer(scope) or self.app)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close"})  # no page uses any

    def _answer(self, scope: Scope) -> Response | None:
        """Return the answer in place of the application's; None lets the request through."""
        path = scope["path"]
        if path == "/" and (key := parse_qs(scope["query_string"].decode("latin-1")).get("key")):
            return self._sign_in(key[0], scope) if self.keys.owner(key[0]) else _forbidden()
        cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(self.cookie)
        scope[ANNOTATOR] = name = self.keys.owner(cookie.value) if cookie else None
        if name is None or any(f"/gradio_api/{part}" in path for part in BLOCKED_ENDPOINTS):
            return _forbidden()
        if path != "/" and (name == ADMIN) != path.startswith("/admin"):
            return _forbidden()
        return None

    def _sign_in(self, key: str, scope: Scope) -> Response:
        # A page that forwards by itself, not a redirect: a browser that came from another site, such as a chat, would
        # not send a strict cookie along a redirect.
        page = HTMLResponse('<!DOCTYPE html><meta http-equiv="refresh" content="0; url=/">')
        page.set_cookie(
            self.cookie,
            key,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return page


def _forbidden() -> Response:
    return HTMLResponse((files("kun_recipes.annotation") / "refusal.html").read_text("utf-8"), status_code=403)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return send_with_headers
