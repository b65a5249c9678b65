"""The annotators' pages in Gradio: one for each task in each language, one item at a time.

A page is served without items. Each item is sent to the annotator that it was assigned to.
"""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import gradio as gr

from kun_recipes.annotation.assignment import Assigner, Step
from kun_recipes.annotation.fragments import header_html, item_html, load_texts, notice_html, progress_html
from kun_recipes.annotation.study import Study
from kun_recipes.studies.items import QUALITY
from kun_recipes.studies.votes import CRITERIA, GRADES

# Fonts of the system only: Chinese ones are large, and no page loads anything from elsewhere.
FONTS = ["system-ui", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
YES, NO = "yes", "no"
CHOICES = ("left", "tie", "both_bad", "right")


class IncompleteAnswer(ValueError):
    """Not every question of the page is answered."""


def theme() -> gr.Theme:
    return gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=["monospace"])


def head() -> str:
    """Return the HTML head of each page. Gradio would rewrite the rules of a style sheet given as `css`."""
    return f"<style>{_file('page.css')}</style><script>{_file('keys.js')}</script>"


@dataclass(frozen=True)
class Page:
    """One task in one language.

    Attributes:
        both_bad: whether a fourth choice is there.
    """

    study: Study
    assigner: Assigner
    task: str
    language: str
    both_bad: bool

    @property
    def texts(self) -> dict[str, str]:
        return load_texts()[self.language]

    def build(self) -> gr.Blocks:
        """Return the page, which asks for its first item when it is opened."""
        with gr.Blocks(title=self.texts[self.task], analytics_enabled=False) as blocks:
            gr.HTML(header_html(self.task, list(self.study.tasks), self.language, load_texts()), elem_id="header")
            progress = gr.HTML(elem_id="progress")
            with gr.Accordion(self.texts["rubric"], open=False, elem_id="rubric"):
                gr.Markdown(self.texts[f"{self.task}_rubric"])
            item = gr.HTML(elem_id="item")
            # Which assignment the page shows lies in the page, so that it survives a restart of the server.
            assignment = gr.Number(visible=False, precision=0)
            with gr.Column(elem_id="panel"):
                radios = self._radios() if self.task == QUALITY else []
                notice = gr.HTML(elem_id="notice")
                shown = [notice, item, progress, assignment, *radios]
                with gr.Row(elem_id="actions", elem_classes=self.task):
                    undo = gr.Button(self.texts["undo"], elem_id="undo")
                    self._vote_buttons(assignment, radios, shown)
                gr.HTML(self._key_hints(), elem_id="keys")
            self._bind(undo.click, self._undo, [assignment], shown, "undo")
            self._bind(blocks.load, self._show, None, shown, "show")
        return blocks

    def _radios(self) -> list[gr.Radio]:
        yes_no = [(self.texts[YES], YES), (self.texts[NO], NO)]
        grades = [(self.texts[grade], grade) for grade in GRADES]
        with gr.Row(elem_id="questions"):
            return [
                *(gr.Radio(yes_no, label=self.texts[name], elem_id=name) for name in CRITERIA),
                gr.Radio(grades, label=self.texts["output_grade"], elem_id="grade"),
            ]

    def _vote_buttons(self, assignment: gr.Number, radios: list[gr.Radio], shown: list[gr.Component]) -> None:
        if self.task == QUALITY:
            submit = gr.Button(self.texts["submit"], variant="primary", elem_id="submit")
            self._bind(submit.click, self._submit_quality, [assignment, *radios], shown, "submit")
            return
        for choice in CHOICES:
            if choice != "both_bad" or self.both_bad:
                variant: Literal["primary", "secondary"] = "primary" if choice in ("left", "right") else "secondary"
                button = gr.Button(self.texts[choice], variant=variant, elem_id=choice)
                self._bind(button.click, self._submit_preference(choice), [assignment], shown, choice)

    def _key_hints(self) -> str:
        more = f"　{self.texts['both_bad_key']}" if self.both_bad and self.task != QUALITY else ""
        return f"<p>{self.texts[f'{self.task}_keys']}{more}</p>"

    def _bind(self, event: Callable, handler: Callable, inputs: list | None, outputs: list, name: str) -> None:
        # Without the queue a vote is one request and its answer: nothing hangs on a stream that may break.
        event(
            self._catching_errors(handler, outputs),
            inputs,
            outputs,
            api_name=name,
            queue=False,
            show_progress="hidden",
        )

    def _catching_errors(self, handler: Callable, outputs: list) -> Callable:
        def call(request: gr.Request, *values: Any) -> list[Any]:
            try:
                return self._render(handler(request.username, *values))
            except IncompleteAnswer:
                return self._unchanged("incomplete", outputs)
            except sqlite3.OperationalError as error:  # the disk is full, or another process holds the file
                print(f"{self.assigner.database.path}: {error}", file=sys.stderr)
                return self._unchanged("busy", outputs)

        return call

    def _unchanged(self, key: str, outputs: list) -> list[Any]:
        """Leave the page as it is and show a notice."""
        return [notice_html(self.texts[key]), *(gr.skip() for _ in outputs[1:])]

    def _show(self, annotator: str) -> Step:
        return self.assigner.show(self.task, annotator)

    def _undo(self, annotator: str, assignment: int | None) -> Step:
        return self.assigner.undo(self.task, annotator, assignment)

    def _submit_quality(self, annotator: str, assignment: int | None, *answers: str | None) -> Step:
        return self.assigner.submit(self.task, annotator, assignment, parse_quality_form(*answers))

    def _submit_preference(self, choice: str) -> Callable[[str, int | None], Step]:
        def submit(annotator: str, assignment: int | None) -> Step:
            return self.assigner.submit(self.task, annotator, assignment, {"pressed": choice})

        return submit

    def _render(self, step: Step) -> list[Any]:
        assignment = step.assignment
        item = self.study.tasks[self.task][assignment.item] if assignment else None
        answers = quality_form_values(assignment.withdrawn if assignment else None) if self.task == QUALITY else []
        return [
            notice_html(self.texts["late"] if step.outcome == "late" else None),
            item_html(self.task, item, assignment, self.texts),
            progress_html(step, self.texts),
            assignment.id if assignment else None,
            *answers,
        ]


def parse_quality_form(
    clarity: str | None, feasibility: str | None, practicality: str | None, grade: str | None
) -> dict:
    """Return the answer as it is stored. Raises IncompleteAnswer if a value is missing."""
    said = dict(zip(CRITERIA, (clarity, feasibility, practicality), strict=True))
    if any(value not in (YES, NO) for value in said.values()) or grade not in GRADES:
        raise IncompleteAnswer("an answer is missing")
    return {name: value == YES for name, value in said.items()} | {"output": grade}


def quality_form_values(answer: Mapping[str, Any] | None) -> list[str | None]:
    """Return the form's values for an answer: three criteria and a grade; all None without an answer."""
    if answer is None:
        return [None] * (len(CRITERIA) + 1)
    return [YES if answer[name] else NO for name in CRITERIA] + [answer["output"]]


def _file(name: str) -> str:
    return (files("kun_recipes.annotation") / name).read_text(encoding="utf-8")
