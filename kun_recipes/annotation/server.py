"""The web server: the annotators' pages, the admin's, and the check in front of both."""

import os
import secrets
import socket
from collections.abc import Mapping

import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.networking import setup_tunnel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from kun_recipes.annotation.access import ANNOTATOR, LinkAuthentication
from kun_recipes.annotation.admin import Admin
from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.config import ADMIN, AnnotateConfig
from kun_recipes.annotation.fragments import load_texts, page_path
from kun_recipes.annotation.keys import Keys, print_links
from kun_recipes.annotation.pages import Page, head, theme
from kun_recipes.annotation.storage import Database
from kun_recipes.annotation.study import Study, read_study
from kun_recipes.errors import UserError

SHUTDOWN_SECONDS = 2
"""At the end, for votes under way. Each open page holds a connection for as long as it is open."""


def run(config: AnnotateConfig, hashes: Mapping[str, str] | None = None) -> None:
    """Serve until stopped, after printing links that are new.

    Args:
        hashes: of keys that were made elsewhere, by name; None makes keys here.

    Raises:
        UserError: the study, the database or the port cannot be used.
    """
    study = read_study(config.study_dir)
    with listen(config.host, config.port) as listening:
        database = Database(config.database)
        database.add_study(study, config.seed)
        keys = Keys(database, [*config.annotators, ADMIN])
        app = build_app(config, study, database, keys)
        if hashes is not None:
            keys.import_hashes(hashes)
        else:
            address = open_tunnel(config) if config.share else config.address or f"http://{config.host}:{config.port}"
            print_links(keys.create(config.renew or ()), address)
        print(f"serving on {config.host}:{config.port}; stop with Ctrl-C, no vote is lost", flush=True)
        serve(app, listening)


def build_app(config: AnnotateConfig, study: Study, database: Database, keys: Keys) -> ASGIApp:
    """Return the whole application; every request goes through the check of links first."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    assigner = Assigner(
        database, config.votes_per_item, len(config.annotators), config.timeout_minutes * 60, config.seed
    )

    @app.get("/")
    def home(request: Request) -> Response:
        if request.scope[ANNOTATOR] == ADMIN:
            return RedirectResponse(f"/admin/{config.language}")
        return RedirectResponse(page_path(next(iter(study.tasks)), config.language))

    app.router.routes += Admin(config, database).routes()
    for language in load_texts():
        for task in study.tasks:
            _mount(app, Page(study, assigner, task, language, config.both_bad))
    fingerprint = next(iter(study.fingerprints().values()))
    return LinkAuthentication(app, keys, cookie=f"annotation_{fingerprint[:8]}")


def _mount(app: FastAPI, page: Page) -> None:
    gr.mount_gradio_app(
        app,
        page.build(),
        path=page_path(page.task, page.language).rstrip("/"),
        auth_dependency=lambda request: request.scope.get(ANNOTATOR),
        theme=theme(),
        head=head(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open a socket on which to serve. Raises UserError on failure, such as a port in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"{host}:{port}: cannot listen on this address ({reason}); choose another --port or --host"
        ) from error


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until the process is stopped. Requests are not logged, because a link in a log would be a key."""
    options = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    uvicorn.Server(options).run(sockets=[listening])


def open_tunnel(config: AnnotateConfig) -> str:
    """Open a tunnel through Gradio's servers and return its public address. Raises UserError on failure."""
    try:
        return setup_tunnel(config.host, config.port, secrets.token_urlsafe(32), None, None)
    except Exception as error:  # whatever stands between here and there: a proxy, a firewall, a missing program
        raise UserError(f"share: cannot open a tunnel ({error}); set share to false") from error
