"""The questions that the primary chat model is asked as a judge (Kun §3.2 figure 4, §3.3 figure 10).

A verdict is a log-odds, never parsed prose. A small model favours one answer whatever it reads, so that each log-odds
is also looked at relative to the one for content-free input (contextual calibration, Zhao et al. 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from kun_recipes import schema
from kun_recipes.curation.judge_data import LABELS
from kun_recipes.engines.base import Engine, Prompt
from kun_recipes.prompts import PromptTemplate

CONTENT_FREE = ("", "无", "N/A", "……")
"""Inputs that say nothing: what the judge answers to them is its bias."""


@dataclass(frozen=True)
class Judge:
    """A question with two answers.

    Attributes:
        name: "filter" or "score", as in the judge data.
        prompt: prompt file with the field {instruction}.
        choices: the answer that keeps a row, then the one that drops it.
        logodds, calibrated, probability: the columns that its verdicts go to.
    """

    name: str
    prompt: PromptTemplate
    choices: tuple[str, str]
    logodds: str
    calibrated: str
    probability: str

    @property
    def new_tokens(self) -> int:
        """Room that the longer answer needs: its bytes, since a token is at least one."""
        return max(len(choice.encode()) for choice in self.choices)

    def log_odds(self, engine: Engine, prompts: Sequence[Prompt]) -> list[float]:
        """Log-odds (nats) of the keeping answer to each prompt."""
        return [keep - drop for keep, drop in engine.choose(prompts, self.choices)]

    def judge(self, engine: Engine, texts: Sequence[str]) -> list[float]:
        """Log-odds (nats) of the keeping answer for each text."""
        return self.log_odds(engine, [self.prompt.render(instruction=text) for text in texts])

    def bias(self, engine: Engine) -> float:
        """Mean log-odds (nats) of the keeping answer on content-free input."""
        return float(numpy.mean(self.judge(engine, CONTENT_FREE)))


def filter_judge(prompt: PromptTemplate) -> Judge:
    return Judge(
        "filter", prompt, LABELS["filter"], schema.FILTER_LOGODDS, schema.FILTER_CALIBRATED, schema.FILTER_PROBABILITY
    )


def score_judge(prompt: PromptTemplate) -> Judge:
    return Judge(
        "score", prompt, LABELS["score"], schema.SCORE_LOGODDS, schema.SCORE_CALIBRATED, schema.SCORE_PROBABILITY
    )
