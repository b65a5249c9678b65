"""The primary chat model as a judge: is it an instruction, is it a good one, or a good pair (Kun figures 4 and 10).

Is an answer right, given the segment (ours)?

A verdict is a log-odds, never parsed prose. A small model favours one answer whatever it reads, so that each log-odds
is also looked at relative to the one for content-free input (contextual calibration, Zhao et al. 2021). The
probability is fitted to labelled items (Platt 1999), so that it says how often such a verdict is right.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
from datatrove.data import Document
from scipy.special import expit

from kun_recipes.curation.judge_data import LABELS
from kun_recipes.curation.measuring import MeasureRows, Wanted
from kun_recipes.curation.support import answer_of
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
        name: "filter", "score" or "answer", as in the judge data.
        prompt: prompt file with the field {instruction}; with {output} where it is asked about the pair, and with
            {segment} where it is asked about the answer to a segment.
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
    def items(self) -> str:
        """The judge whose labelled items measure it: its own."""
        return self.name

    @property
    def new_tokens(self) -> int:
        """Room that the longer answer needs: its bytes, since a token is at least one."""
        return max(len(choice.encode()) for choice in self.choices)

    def log_odds(self, engine: Engine, prompts: Sequence[Prompt]) -> list[float]:
        """Return the log-odds (nats) of the keeping answer to each prompt."""
        return [keep - drop for keep, drop in engine.choose(prompts, self.choices)]

    def prompt_for(self, instruction: str, output: str, segment: str = "") -> Prompt:
        """Return the question; a prompt file puts in what it has fields for."""
        return self.prompt.render(instruction=instruction, output=output, segment=segment)

    def judge(self, engine: Engine, asked: Sequence[tuple[str, ...]]) -> list[float]:
        """Return the log-odds (nats) of the keeping answer for each (instruction, output, segment)."""
        return self.log_odds(engine, [self.prompt_for(*texts) for texts in asked])

    def bias(self, engine: Engine) -> float:
        """Return the mean log-odds (nats) of the keeping answer on content-free input."""
        return float(numpy.mean(self.judge(engine, [(text, text, text) for text in CONTENT_FREE])))


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


def answer_judge(prompt: PromptTemplate) -> Judge:
    """Return the judge that asks: given the segment, does it answer the instruction, correctly and wholly?"""
    columns = schema.ANSWER_LOGODDS, schema.ANSWER_CALIBRATED, schema.ANSWER_PROBABILITY
    return Judge("answer", prompt, "wrong_answer", LABELS["answer"], *columns)


@dataclass(frozen=True)
class Calibration:
    """Bias, threshold and probabilities of a judge, and its quality on held-out items, with 95% intervals.

    Attributes:
        bias: log-odds on content-free input, nats; subtracted from every verdict.
        threshold: lowest calibrated log-odds kept, nats.
        threshold_from: "config", or "development items" when it was chosen there, with the precision that it has there
            where the config asks for one.
        slope, intercept: P(keeping answer is right) = expit(slope x calibrated log-odds + intercept): Platt scaling on
            the development items.
        auc: area under the ROC curve on the held-out items, which neither trained the judge nor chose its threshold;
            0.5 is chance.
        accuracy: share of the held-out items on the right side of the threshold.
        calibration_error: expected calibration error of the probabilities on the held-out items.
        held_out, development: number of items.
    """

    judge: str
    bias: float
    threshold: float
    threshold_from: str
    slope: float
    intercept: float
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    calibration_error: float
    held_out: int
    development: int

    def fitted(self, calibrated: float) -> float:
        """Return the log-odds (nats) of the probability that the keeping answer is right, by a calibrated log-odds."""
        return self.slope * calibrated + self.intercept

    def probability(self, calibrated: float) -> float:
        """Return the probability that the keeping answer is right, by a calibrated log-odds."""
        return float(expit(self.fitted(calibrated)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.judge} judge, {self.held_out} held-out items:"
            f" AUC {self.auc:.2f} [{self.auc_low:.2f}, {self.auc_high:.2f}],"
            f" accuracy {self.accuracy:.2f} [{self.accuracy_low:.2f}, {self.accuracy_high:.2f}]"
            f" at calibrated log-odds {self.threshold:+.2f} (from {self.threshold_from});"
            f" bias {self.bias:+.2f}; calibration error of its probabilities {self.calibration_error:.2f}"
        )


Calibrate = Callable[[Any, Engine], Calibration]
"""Function that returns the calibration of a judge, measured before or now: `Calibrations.of`."""


class AskJudge(MeasureRows):
    """Ask a judge about each candidate (Kun §3.2 filter prompt, §3.3 scoring).

    Reads instruction and, where the judge is asked about the pair, the text as its output. Adds the judge's raw
    log-odds, the calibrated one (nats) and the calibrated probability.
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
        known = self.calibrate(self.judge, engine)
        for doc, log_odds in zip(docs, self.judge.log_odds(engine, prompts), strict=True):
            calibrated = log_odds - known.bias
            doc.metadata[self.judge.logodds] = log_odds
            doc.metadata[self.judge.calibrated] = calibrated
            doc.metadata[self.judge.probability] = known.probability(calibrated)


class AskAboutAnswer(AskJudge):
    """Ask a judge about each answer without its tail, given its segment.

    Reads text, instruction and output. Adds answer_logodds, answer_logodds_calibrated (nats) and answer_probability.
    """

    def prompt_for(self, doc: Document) -> Prompt:
        return self.judge.prompt_for(doc.metadata[schema.INSTRUCTION], answer_of(doc), doc.text)
