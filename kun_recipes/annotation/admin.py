"""The admin's pages: progress and agreement, and the votes to take away."""

import sqlite3
import tempfile
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from kun_recipes.annotation.config import DATABASE, AnnotateConfig
from kun_recipes.annotation.fragments import load_texts
from kun_recipes.annotation.progress import agreement, by_annotator, by_task
from kun_recipes.annotation.storage import Database, read_votes
from kun_recipes.studies.quality import OUTPUT

QUESTION_TEXTS = {OUTPUT: "output_grade"}
"""Texts of questions that have not the question's own name."""


class Admin:
    """The pages below /admin."""

    def __init__(self, config: AnnotateConfig, database: Database):
        self.config, self.database = config, database
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        self.template = environment.from_string(_file("admin.html.jinja"))

    def routes(self) -> list[Route]:
        return [
            Route("/admin/database", self.download),
            Route("/admin/{language}", self.page),
        ]

    def page(self, request: Request) -> Response:
        language = request.path_params["language"]
        if language not in load_texts():
            return RedirectResponse(f"/admin/{self.config.language}")
        return HTMLResponse(self.render(language))

    def render(self, language: str) -> str:
        texts = load_texts()
        found = agreement(read_votes(self.database.path), self.config.votes_per_item)
        return self.template.render(
            texts=texts[language],
            style=Markup(_file("page.css")),
            languages=[{"code": code, **texts[code]} for code in texts if code != language],
            k=self.config.votes_per_item,
            tasks=by_task(self.database, self.config.votes_per_item),
            annotators=by_annotator(self.database, self.config.annotators),
            agreement=found,
            labels={question: QUESTION_TEXTS.get(question, question) for question in found},
            time=lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        )

    def download(self, request: Request) -> Response:
        """Return a consistent copy of the database while others vote."""
        with tempfile.NamedTemporaryFile(suffix=".sqlite", delete=False) as file:
            copy = sqlite3.connect(file.name)
            self.database.read().backup(copy)
            copy.close()
        return FileResponse(file.name, filename=DATABASE, background=BackgroundTask(Path(file.name).unlink))


def _file(name: str) -> str:
    return (files("kun_recipes.annotation") / name).read_text(encoding="utf-8")
