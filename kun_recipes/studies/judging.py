"""A model judges by the same rubric and the same pairs as people: its probabilities, and the votes made of them.

It answers by log-probability, so that no prose is read. No order is trusted: a grade is the mean over all orders of
the options, and of two answers each is once read first. Its liking for "是", or for a place, is measured where there
is nothing to read, and taken off (Zhao et al. 2021).
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy
from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.models.asking import AskModel, Verdict
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate
from kun_recipes.studies.rubric import LETTERS, Rubric, write_grades
from kun_recipes.studies.votes import CRITERIA, GRADES, Choice, PreferenceVote, QualityVote

ANSWER_TOKENS = 4  # room for a letter or a character, in any tokenizer
YES_NO = ("是", "否")
AB = ("A", "B")
CONTENT_FREE = "无"
GRADE = "grade"
PRIOR = "prior_logodds"
ANSWERS = {"a": "answer_a", "b": "answer_b"}
"""Columns of an item's two answers."""

Row = Mapping[str, Any]


class JudgeCriterion(AskModel):
    """Ask whether an instruction meets one criterion.

    Reads instruction. Adds <criterion>_probability, of yes as the model gives it, <criterion>_logodds, nats for yes
    over no, and <criterion>_prior_logodds, the same of an instruction without content. Drops with reason
    "context_length".
    """

    def __init__(
        self,
        engine: EngineSettings,
        prompt: PromptTemplate,
        rubric: Rubric,
        criterion: str,
        exclusion_writer: DiskWriter | None = None,
    ):
        self.name = f"⚖️ {criterion}"
        super().__init__(engine, ANSWER_TOKENS, exclusion_writer)
        self.prompt, self.question, self.criterion = prompt, rubric.question(criterion), criterion

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(instruction=doc.metadata[schema.INSTRUCTION], question=self.question)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        prior = criterion_prior(self.engine, self.prompt, self.question) if docs else 0.0
        for doc, (yes, no) in zip(docs, engine.choose(prompts, list(YES_NO)), strict=True):
            doc.metadata |= {
                probability_column(self.criterion): math.exp(yes),
                f"{self.criterion}_logodds": yes - no,
                f"{self.criterion}_{PRIOR}": prior,
            }
        return [True] * len(docs)


class JudgeGrade(AskModel):
    """Ask which grade an output gets, once for each order of the grades.

    Reads instruction, and the text as its output. Adds grade_probabilities, by grade the mean over the orders, and
    grade, the likeliest. Drops with reason "context_length".
    """

    name = "⚖️ grade"

    def __init__(
        self,
        engine: EngineSettings,
        prompt: PromptTemplate,
        rubric: Rubric,
        exclusion_writer: DiskWriter | None = None,
    ):
        super().__init__(engine, ANSWER_TOKENS, exclusion_writer)
        self.prompt, self.rubric = prompt, rubric

    def prompt_for(self, doc: Document, order: int = 0) -> Prompt:
        return self.prompt.render(
            instruction=doc.metadata[schema.INSTRUCTION],
            output=doc.text,
            options=write_grades(self.rubric.orders()[order]),
        )

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        sums = numpy.zeros((len(docs), len(GRADES)))
        orders = self.rubric.orders()
        for order, grades in enumerate(orders):
            asked = prompts if order == 0 else [self.prompt_for(doc, order) for doc in docs]
            places = [GRADES.index(grade.key) for grade in grades]
            for row, logprobs in zip(sums, engine.choose(asked, list(LETTERS)), strict=True):
                row[places] += numpy.exp(logprobs)
        for doc, row in zip(docs, sums / len(orders), strict=True):
            doc.metadata["grade_probabilities"] = dict(zip(GRADES, row.tolist(), strict=True))
            doc.metadata[GRADE] = GRADES[int(row.argmax())]
        return [True] * len(docs)


class CompareAnswers(AskModel):
    """Ask which of two answers is better, one of them read first.

    Reads the text as the prompt, answer_a and answer_b. Adds <first>_first_logodds: nats for the answer read first
    over the other, and the same where there is nothing to read: the model's preference for a place (Zhao et al. 2021).
    Drops with reason "context_length".

    Args:
        first: "a" or "b", the answer that is read first.
    """

    def __init__(
        self, engine: EngineSettings, prompt: PromptTemplate, first: str, exclusion_writer: DiskWriter | None = None
    ):
        self.name = f"⚖️ {first} first"
        super().__init__(engine, ANSWER_TOKENS, exclusion_writer)
        self.prompt, self.first = prompt, first

    def prompt_for(self, doc: Document) -> Prompt:
        first, second = (doc.metadata[ANSWERS[name]] for name in (self.first, "b" if self.first == "a" else "a"))
        return self.prompt.render(prompt=doc.text, first=first, second=second)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        prior = position_prior(self.engine, self.prompt) if docs else 0.0
        for doc, (first, second) in zip(docs, engine.choose(prompts, list(AB)), strict=True):
            doc.metadata |= {logodds_column(self.first): first - second, PRIOR: prior}
        return [True] * len(docs)


@cache  # of a process
def criterion_prior(settings: EngineSettings, prompt: PromptTemplate, question: str) -> float:
    """Return nats for "是" over "否" of an instruction that says nothing."""
    nothing = prompt.render(instruction=CONTENT_FREE, question=question)
    ((yes, no),) = load_engine(settings).choose([nothing], list(YES_NO))
    return yes - no


@cache  # of a process
def position_prior(settings: EngineSettings, prompt: PromptTemplate) -> float:
    """Return nats for the answer read first where both, and the prompt, say nothing."""
    nothing = prompt.render(prompt=CONTENT_FREE, first=CONTENT_FREE, second=CONTENT_FREE)
    ((first, second),) = load_engine(settings).choose([nothing], list(AB))
    return first - second


def probability_column(criterion: str) -> str:
    return f"{criterion}_probability"


def logodds_column(first: str) -> str:
    return f"{first}_first_logodds"


def quality_votes(rows: Iterable[Row], judge: str) -> list[QualityVote]:
    """Return the model's vote on each pair that it judged.

    A criterion is met where yes is likelier than for no content.
    """
    return [
        QualityVote(
            row[schema.ID],
            judge,
            **{criterion: row[f"{criterion}_logodds"] >= row[f"{criterion}_{PRIOR}"] for criterion in CRITERIA},
            output=row[GRADE],
            time=0.0,
        )
        for row in rows
    ]


def preference_votes(rows: Iterable[Row], judge: str) -> list[PreferenceVote]:
    """Return the model's choice between each two answers: a tie where it depends on which of them is read first."""
    return [PreferenceVote(row[schema.ID], judge, _choice(row, row[PRIOR]), "a", 0.0) for row in rows]


def criterion_bias(rows: Iterable[Row]) -> dict[str, Any]:
    """Measure the liking for yes, by criterion: the share of yes before and after calibration, and the prior, nats."""
    rows = list(rows)
    if not rows:
        return {}
    return {
        criterion: {
            PRIOR: rows[0][f"{criterion}_{PRIOR}"],
            "raw": sum(row[f"{criterion}_logodds"] >= 0 for row in rows) / len(rows),
            "calibrated": sum(row[f"{criterion}_logodds"] >= row[f"{criterion}_{PRIOR}"] for row in rows) / len(rows),
        }
        for criterion in CRITERIA
    }


def position_bias(rows: Iterable[Row]) -> dict[str, Any]:
    """Measure position bias: how often the answer read first won and the order decided, before and after calibration.

    Returns:
        judged, prior_logodds (nats for the place), and `raw` and `calibrated`: `first`, the share of both orders'
        choices that fell on the answer read first, 0.5 without bias; `disagree`, the share of the pairs on which the
        orders disagree, which count as ties.
    """
    rows = list(rows)
    if not rows:
        return {"judged": 0}
    return {
        "judged": len(rows),
        PRIOR: rows[0][PRIOR],
        "raw": _bias(rows, 0.0),
        "calibrated": _bias(rows, rows[0][PRIOR]),
    }


def _bias(rows: list[Row], prior: float) -> dict[str, float]:
    first = sum(row[logodds_column(place)] > prior for row in rows for place in ("a", "b"))
    return {
        "first": first / (2 * len(rows)),
        "disagree": sum(_choice(row, prior) == "tie" for row in rows) / len(rows),
    }


def _choice(row: Row, prior: float) -> Choice:
    a_wins_first = row[logodds_column("a")] > prior
    a_wins_second = row[logodds_column("b")] <= prior
    if a_wins_first != a_wins_second:
        return "tie"
    return "a" if a_wins_first else "b"
