"""Calibrate a judge on labelled items before it judges a row: its bias, its threshold, its AUC and accuracy."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy
from filelock import FileLock
from scipy.stats import mannwhitneyu

from kun_recipes.curation.judge_data import JudgeItem, split_judge_items
from kun_recipes.curation.judging import Calibration, Judge
from kun_recipes.data.atomic import write_json
from kun_recipes.models.engines.base import Engine


def calibrate(
    judge: Judge,
    engine: Engine,
    development: Sequence[JudgeItem],
    held_out: Sequence[JudgeItem],
    threshold: float | None,
) -> Calibration:
    """Measure a judge on labelled items; a `threshold` of None is chosen on the development items."""
    bias = judge.bias(engine)
    tested = [log_odds - bias for log_odds in judge.judge(engine, [item.asked for item in held_out])]
    right = [item.label == judge.choices[0] for item in held_out]
    source = "config"
    if threshold is None:
        seen = [log_odds - bias for log_odds in judge.judge(engine, [item.asked for item in development])]
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
    """Return the threshold of highest balanced accuracy: the middle of the widest gap between scores with it."""
    order = numpy.argsort(scores, kind="stable")
    values, labels = numpy.array(scores)[order], numpy.array(positive)[order]
    kept_right = labels.sum() - numpy.concatenate([[0], labels.cumsum()])  # positives at or above each cut
    dropped_right = numpy.concatenate([[0], (~labels).cumsum()])  # negatives below it
    # in whole numbers, as shares of the one kind times the other: equal cuts compare equal
    balanced = kept_right * (~labels).sum() + dropped_right * labels.sum()
    edges = numpy.concatenate([[values[0] - 1], values, [values[-1] + 1]])
    gaps = numpy.diff(edges)
    balanced = numpy.where(gaps > 0, balanced, -1)  # no threshold parts equal scores
    cut = int(numpy.where(balanced == balanced.max(), gaps, -1).argmax())
    return float((edges[cut] + edges[cut + 1]) / 2)


class Calibrations:
    """The judges of a stage, each measured once per run, by the first task that needs it and with the model it has.

    A continued run keeps the thresholds that its first rows were judged by.

    Args:
        path: JSON file of the measurements.
        items: the labelled items; those that no judge was trained on choose the threshold and measure the judge.
        thresholds: lowest calibrated log-odds kept by each judge, nats; None is chosen on the development items.
    """

    def __init__(self, path: Path, items: Sequence[JudgeItem], thresholds: dict[str, float | None]):
        self.path, self.thresholds = path, thresholds
        _, self.development, self.held_out = split_judge_items(items)

    def measured(self) -> dict[str, Calibration]:
        """Return the calibrations measured so far, by the judge's name."""
        if not self.path.is_file():
            return {}
        found = json.loads(self.path.read_text(encoding="utf-8"))
        return {name: Calibration(**values) for name, values in found.items()}

    def of(self, judge: Judge, engine: Engine) -> Calibration:
        """Return the calibration of `judge`; measure it unless another task, thread or run has."""
        with FileLock(f"{self.path}.lock"):
            known = self.measured()
            if judge.name not in known:
                development, held_out = (
                    [item for item in part if item.judge == judge.name] for part in (self.development, self.held_out)
                )
                known[judge.name] = calibrate(judge, engine, development, held_out, self.thresholds[judge.name])
                write_json(self.path, {name: calibration.to_dict() for name, calibration in known.items()})
        return known[judge.name]
