"""The primary chat model as a judge: is it an instruction, is it a good one, or a good pair (Kun figures 4 and 10)?

A verdict is a log-odds, never parsed prose. A small model favours one answer whatever it reads, so that each log-odds
is also looked at relative to the one for content-free input (contextual calibration, Zhao et al. 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
from datatrove.data import Document
from scipy.special import expit

from kun_recipes.curation.judge_data import LABELS
from kun_recipes.curation.measuring import MeasureRows, Wanted
from kun_recipes.data import schema
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Engine, Prompt
from kun_recipes.models.prompts import PromptTemplate

CONTENT_FREE = ("", "无", "N/A", "……")
"""Inputs without content: the mean answer to them is the bias of a judge."""


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
        """Return the log-odds (nats) of the keeping answer to each prompt."""
        return [keep - drop for keep, drop in engine.choose(prompts, self.choices)]

    def prompt_for(self, instruction: str, output: str) -> Prompt:
        """Return the question about a pair; a prompt about the instruction alone has no field for the output."""
        return self.prompt.render(instruction=instruction, output=output)

    def judge(self, engine: Engine, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Return the log-odds (nats) of the keeping answer for each (instruction, output)."""
        return self.log_odds(engine, [self.prompt_for(*pair) for pair in pairs])

    def bias(self, engine: Engine) -> float:
        """Return the mean log-odds (nats) of the keeping answer on content-free input."""
        return float(numpy.mean(self.judge(engine, [(text, text) for text in CONTENT_FREE])))


def filter_judge(prompt: PromptTemplate) -> Judge:
    """Return the judge that asks: is it a question or an imperative (figure 4)?"""
    columns = schema.FILTER_LOGODDS, schema.FILTER_CALIBRATED, schema.FILTER_PROBABILITY
    return Judge("filter", prompt, "not_an_instruction", LABELS["filter"], *columns)


def score_judge(prompt: PromptTemplate) -> Judge:
    """Return the judge that asks: is it good (figure 10)?

    Focused scoring asks about the instruction, comprehensive scoring about the pair.
    """
    columns = schema.SCORE_LOGODDS, schema.SCORE_CALIBRATED, schema.SCORE_PROBABILITY
    reason = "poor_pair" if "output" in prompt.fields else "poor_instruction"
    return Judge("score", prompt, reason, LABELS["score"], *columns)


@dataclass(frozen=True)
class Calibration:
    """Bias and threshold of a judge, and its quality on held-out items.

    Attributes:
        bias: log-odds on content-free input, nats; subtracted from every verdict.
        threshold: lowest calibrated log-odds kept, nats.
        threshold_from: "config", or "development items" when it was chosen there.
        auc: area under the ROC curve on the held-out items, which neither trained the judge nor chose its threshold;
            0.5 is chance.
        accuracy: share of the held-out items on the right side of the threshold.
        held_out, development: number of items.
    """

    judge: str
    bias: float
    threshold: float
    threshold_from: str
    auc: float
    accuracy: float
    held_out: int
    development: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.judge} judge, {self.held_out} held-out items: AUC {self.auc:.2f}, accuracy {self.accuracy:.2f} at"
            f" calibrated log-odds {self.threshold:+.2f} (from {self.threshold_from}); bias {self.bias:+.2f}"
        )


Calibrate = Callable[[Judge, Engine], Calibration]
"""Function that returns the calibration of a judge, measured before or now: `Calibrations.of`."""


class AskJudge(MeasureRows):
    """Ask a judge about each candidate (Kun §3.2 filter prompt, §3.3 scoring).

    Reads instruction and, where the judge is asked about the pair, the text as its output. Adds the judge's raw
    log-odds, the calibrated one (nats) and the raw probability.
    """

    def __init__(self, engine: EngineSettings, judge: Judge, calibrate: Calibrate, wanted: Wanted | None = None):
        self.name = f"⚖️ {judge.name}"
        super().__init__(engine, judge.new_tokens, wanted)
        self.judge, self.calibrate = judge, calibrate

    @property
    def column(self) -> str:
        return self.judge.logodds

    def prompt_for(self, doc: Document) -> Prompt:
        return self.judge.prompt_for(doc.metadata[schema.INSTRUCTION], doc.text)

    def measure(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> None:
        bias = self.calibrate(self.judge, engine).bias
        for doc, log_odds in zip(docs, self.judge.log_odds(engine, prompts), strict=True):
            doc.metadata[self.judge.logodds] = log_odds
            doc.metadata[self.judge.calibrated] = log_odds - bias
            doc.metadata[self.judge.probability] = float(expit(log_odds))
