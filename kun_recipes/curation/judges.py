"""The questions that the primary chat model is asked as a judge (Kun §3.2 figure 4, §3.3 figure 10).

A verdict is a log-odds, never parsed prose. A small model favours one answer whatever it reads, so that each log-odds
is also looked at relative to the one for content-free input (contextual calibration, Zhao et al. 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from kun_recipes.curation.judge_data import LABELS
from kun_recipes.data import schema
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate

CONTENT_FREE = ("", "无", "N/A", "……")
"""Inputs that say nothing: what the judge answers to them is its bias."""


@dataclass(frozen=True)
class Judge:
    """A question with two answers.

    Attributes:
        name: "filter" or "score", as in the judge data.
        prompt: prompt file with the field {instruction}, and {output} where it is asked about the pair.
        reason: why it drops a row.
        choices: the answer that keeps a row, then the one that drops it.
        logodds, calibrated, probability: the columns that its verdicts go to.
    """

    name: str
    prompt: PromptTemplate
    reason: str
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

    def prompt_for(self, instruction: str, output: str) -> Prompt:
        """The question about a pair; the output has no place in a prompt that asks about the instruction alone."""
        return self.prompt.render(instruction=instruction, output=output)

    def judge(self, engine: Engine, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Log-odds (nats) of the keeping answer for each (instruction, output)."""
        return self.log_odds(engine, [self.prompt_for(*pair) for pair in pairs])

    def bias(self, engine: Engine) -> float:
        """Mean log-odds (nats) of the keeping answer on content-free input."""
        return float(numpy.mean(self.judge(engine, [(text, text) for text in CONTENT_FREE])))


def filter_judge(prompt: PromptTemplate) -> Judge:
    """Is it a question or an imperative (figure 4)?"""
    columns = schema.FILTER_LOGODDS, schema.FILTER_CALIBRATED, schema.FILTER_PROBABILITY
    return Judge("filter", prompt, "not_an_instruction", LABELS["filter"], *columns)


def score_judge(prompt: PromptTemplate) -> Judge:
    """Is it good (figure 10)? Focused scoring asks about the instruction, comprehensive scoring about the pair."""
    columns = schema.SCORE_LOGODDS, schema.SCORE_CALIBRATED, schema.SCORE_PROBABILITY
    reason = "poor_pair" if "output" in prompt.fields else "poor_instruction"
    return Judge("score", prompt, reason, LABELS["score"], *columns)
