"""A model judges by the same rubric and the same pairs as people, by log-probability, no prose to be read.

No order is trusted: a grade is the mean over all orders of the options, and of two answers each is once read first.
"""

import math
from functools import cache

import numpy
from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.models.asking import AskModel, Verdict
from kun_recipes.models.engines import EngineSettings, load_engine
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate
from kun_recipes.studies.rubric import LETTERS, Rubric, write_grades
from kun_recipes.studies.votes import GRADES

CRITERION_FIELDS = {"instruction", "question"}
GRADE_FIELDS = {"instruction", "output", "options"}
COMPARE_FIELDS = {"prompt", "first", "second"}
ANSWER_TOKENS = 4  # room for a letter or a character, in any tokenizer
YES_NO = ("是", "否")
AB = ("A", "B")
CONTENT_FREE = "无"
GRADE = "grade"
ANSWERS = {"a": "answer_a", "b": "answer_b"}
"""Columns of an item's two answers."""


class JudgeCriterion(AskModel):
    """Ask whether an instruction meets one criterion.

    Reads instruction. Adds <criterion>_probability, of yes. Drops with reason "context_length".
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
        self.prompt, self.question, self.column = prompt, rubric.question(criterion), probability_column(criterion)

    def prompt_for(self, doc: Document) -> Prompt:
        return self.prompt.render(instruction=doc.metadata[schema.INSTRUCTION], question=self.question)

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        for doc, (yes, _) in zip(docs, engine.choose(prompts, list(YES_NO)), strict=True):
            doc.metadata[self.column] = math.exp(yes)
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

    def prompt_for(self, doc: Document, turn: int = 0) -> Prompt:
        return self.prompt.render(
            instruction=doc.metadata[schema.INSTRUCTION],
            output=doc.text,
            options=write_grades(self.rubric.rotated(turn)),
        )

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        sums = numpy.zeros((len(docs), len(GRADES)))
        for turn in range(len(GRADES)):
            asked = prompts if turn == 0 else [self.prompt_for(doc, turn) for doc in docs]
            places = [GRADES.index(grade.key) for grade in self.rubric.rotated(turn)]
            for row, logprobs in zip(sums, engine.choose(asked, list(LETTERS)), strict=True):
                row[places] += numpy.exp(logprobs)
        for doc, row in zip(docs, sums / len(GRADES), strict=True):
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
        prior = place_preference(self.engine, self.prompt) if docs else 0.0
        for doc, (first, second) in zip(docs, engine.choose(prompts, list(AB)), strict=True):
            doc.metadata |= {logodds_column(self.first): first - second, PRIOR: prior}
        return [True] * len(docs)


PRIOR = "prior_logodds"


@cache  # of a process
def place_preference(settings: EngineSettings, prompt: PromptTemplate) -> float:
    """Nats for the answer read first where both, and the prompt, say nothing."""
    nothing = prompt.render(prompt=CONTENT_FREE, first=CONTENT_FREE, second=CONTENT_FREE)
    ((first, second),) = load_engine(settings).choose([nothing], list(AB))
    return first - second


def probability_column(criterion: str) -> str:
    return f"{criterion}_probability"


def logodds_column(first: str) -> str:
    return f"{first}_first_logodds"
