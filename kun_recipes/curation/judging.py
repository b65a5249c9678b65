"""The primary chat model as a judge: is it an instruction (figure 4), is it a good one (figure 10, focused scoring)?

A verdict is a log-odds, never parsed prose. A small model favours one answer whatever it reads, so that each log-odds
is also stored relative to the one for content-free input (contextual calibration, Zhao et al. 2021), and each judge is
measured on labelled items before it judges a row.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter
from scipy.special import expit
from scipy.stats import mannwhitneyu

from kun_recipes import schema
from kun_recipes.curation.asking import AskModel, Verdict
from kun_recipes.curation.judge_data import LABELS, JudgeItem
from kun_recipes.engines import EngineSettings
from kun_recipes.engines.base import Engine, Prompt
from kun_recipes.prompts import PromptTemplate

REASONS = {"filter": "not_an_instruction", "score": "poor_instruction"}
"""Why each judge drops a row."""

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


@dataclass(frozen=True)
class Calibration:
    """What is known of a judge before it judges: its bias, its threshold, and how good it is on held-out items.

    Attributes:
        bias: log-odds on content-free input, nats; subtracted from every verdict.
        threshold: lowest calibrated log-odds kept, nats.
        threshold_from: "config", or "development items" when it was chosen there.
        auc: area under the ROC curve on the held-out items; 0.5 is chance.
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


def calibrate(
    judge: Judge,
    engine: Engine,
    development: Sequence[JudgeItem],
    held_out: Sequence[JudgeItem],
    threshold: float | None,
) -> Calibration:
    """Measure a judge on labelled items; a `threshold` of None is chosen on the development half."""
    bias = judge.bias(engine)
    tested = [log_odds - bias for log_odds in judge.judge(engine, [item.text for item in held_out])]
    right = [item.label == judge.choices[0] for item in held_out]
    source = "config"
    if threshold is None:
        seen = [log_odds - bias for log_odds in judge.judge(engine, [item.text for item in development])]
        threshold = best_threshold(seen, [item.label == judge.choices[0] for item in development])
        source = "development items"
    accuracy = float(numpy.mean((numpy.array(tested) >= threshold) == numpy.array(right)))
    return Calibration(
        judge.name, bias, threshold, source, area_under_roc(tested, right), accuracy, len(held_out), len(development)
    )


def area_under_roc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Probability that a random positive scores above a random negative, ties counted half."""
    above = [score for score, is_positive in zip(scores, positive, strict=True) if is_positive]
    below = [score for score, is_positive in zip(scores, positive, strict=True) if not is_positive]
    return float(mannwhitneyu(above, below).statistic / (len(above) * len(below)))


def best_threshold(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """The threshold of highest balanced accuracy: the middle of the widest gap between scores that attains it."""
    order = numpy.argsort(scores, kind="stable")
    values, labels = numpy.array(scores)[order], numpy.array(positive)[order]
    kept_right = labels.sum() - numpy.concatenate([[0], labels.cumsum()])  # positives at or above each cut
    dropped_right = numpy.concatenate([[0], (~labels).cumsum()])  # negatives below it
    balanced = kept_right / labels.sum() + dropped_right / (~labels).sum()
    edges = numpy.concatenate([[values[0] - 1], values, [values[-1] + 1]])
    gaps = numpy.diff(edges)
    balanced = numpy.where(gaps > 0, balanced, -1)  # no threshold parts equal scores
    cut = int(numpy.where(balanced == balanced.max(), gaps, -1).argmax())
    return float((edges[cut] + edges[cut + 1]) / 2)


class JudgeInstruction(AskModel):
    """Ask a judge about each instruction and keep what it likes (Kun §3.2 filter prompt, §3.3 focused scoring).

    Reads instruction. Adds the judge's raw log-odds, the calibrated one (nats) and the raw probability. Drops with
    reason "not_an_instruction" or "poor_instruction", or "context_length" when the prompt does not fit the context.
    """

    def __init__(
        self,
        engine: EngineSettings,
        judge: Judge,
        calibration: Calibration,
        exclusion_writer: DiskWriter | None = None,
    ):
        self.name = f"⚖️ {judge.name}"
        longest = max(len(choice.encode()) for choice in judge.choices)  # bytes: a token is at least one
        super().__init__(engine, longest, exclusion_writer)
        self.judge, self.calibration = judge, calibration

    def prompt_for(self, doc: Document) -> Prompt:
        return self.judge.prompt.render(instruction=doc.metadata[schema.INSTRUCTION])

    def ask(self, engine: Engine, docs: list[Document], prompts: list[Prompt]) -> list[Verdict]:
        return [self._verdict(doc, odds) for doc, odds in zip(docs, self.judge.log_odds(engine, prompts), strict=True)]

    def _verdict(self, doc: Document, log_odds: float) -> Verdict:
        calibrated = log_odds - self.calibration.bias
        doc.metadata[self.judge.logodds] = log_odds
        doc.metadata[self.judge.calibrated] = calibrated
        doc.metadata[self.judge.probability] = float(expit(log_odds))
        if calibrated >= self.calibration.threshold:
            return True
        doc.metadata[schema.VALUE] = calibrated
        return False, REASONS[self.judge.name]
