"""Calibrate a judge on labelled items before it judges a row: its bias, threshold, probabilities and measures.

The model is asked once per run. Its verdicts on the items are kept, so that another threshold asks it nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy
from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter
from filelock import FileLock
from scipy.special import expit

from kun_recipes.curation.judge_data import JudgeItem, split_judge_items
from kun_recipes.curation.judging import Calibration, Judge
from kun_recipes.curation.measures import (
    area_under_roc,
    auc_interval,
    calibration_error,
    even_threshold,
    fit_platt,
    precise_threshold,
    share_interval,
)
from kun_recipes.curation.measuring import Wanted
from kun_recipes.curation.support import Support
from kun_recipes.data.atomic import write_json
from kun_recipes.models.engines.base import Engine
from kun_recipes.rules.ranges import RangeFilter


@dataclass(frozen=True)
class Judged:
    """The verdicts of a judge on labelled items.

    Attributes:
        log_odds: calibrated log-odds of the keeping answer, nats.
        right: whether that answer is the item's label.
    """

    log_odds: list[float]
    right: list[bool]


@dataclass(frozen=True)
class Measurement:
    """All that the model is asked for a judge's calibration.

    Attributes:
        bias: log-odds on content-free input, nats.
    """

    judge: str
    bias: float
    development: Judged
    held_out: Judged

    def calibration(self, threshold: float | None, target_precision: float | None = None) -> Calibration:
        """Return the calibration at a threshold; None takes one from the development items.

        Args:
            target_precision: choose the lowest threshold that has this precision there, or if none has, the one of
                the highest precision; None chooses the one at which both labels are as likely.
        """
        seen, tested = self.development, self.held_out
        threshold, source = _threshold(seen, threshold, target_precision)
        slope, intercept = fit_platt(seen.log_odds, seen.right)
        auc = area_under_roc(tested.log_odds, tested.right)
        correct = int(((numpy.array(tested.log_odds) >= threshold) == numpy.array(tested.right)).sum())
        auc_low, auc_high = auc_interval(auc, sum(tested.right), len(tested.right) - sum(tested.right))
        accuracy_low, accuracy_high = share_interval(correct, len(tested.right))
        probabilities = expit(slope * numpy.array(tested.log_odds) + intercept)
        return Calibration(
            judge=self.judge,
            bias=self.bias,
            threshold=threshold,
            threshold_from=source,
            slope=slope,
            intercept=intercept,
            auc=auc,
            auc_low=auc_low,
            auc_high=auc_high,
            accuracy=correct / len(tested.right),
            accuracy_low=accuracy_low,
            accuracy_high=accuracy_high,
            calibration_error=calibration_error(probabilities, tested.right),
            held_out=len(tested.right),
            development=len(seen.right),
        )


def _threshold(seen: Judged, threshold: float | None, target: float | None) -> tuple[float, str]:
    """Return a threshold and where it comes from."""
    if threshold is not None:
        return threshold, "config"
    if target is None:
        return even_threshold(seen.log_odds, seen.right), "development items"
    threshold, precision = precise_threshold(seen.log_odds, seen.right, target)
    short = f"; none has the target, {target:g}" if precision < target else ""
    return threshold, f"development items, precision {precision:.2f} there{short}"


Signal = Judge | Support
"""A measure of rows that labelled items calibrate, and that drops the rows below a threshold."""


def measure(
    judge: Signal, engine: Engine, development: Sequence[JudgeItem], held_out: Sequence[JudgeItem]
) -> Measurement:
    """Ask a judge about labelled items."""
    bias = judge.bias(engine)

    def judged(items: Sequence[JudgeItem]) -> Judged:
        log_odds = [odds - bias for odds in judge.judge(engine, [item.asked for item in items])]
        return Judged(log_odds, [item.label == judge.choices[0] for item in items])

    return Measurement(judge.name, bias, judged(development), judged(held_out))


class Calibrations:
    """The judges of a stage, each measured once per run, by the first task that needs it and with the model it has.

    Args:
        path: JSON file of the measurements.
        items: the labelled items; those that no judge was trained on choose the threshold and measure the judge.
        thresholds: lowest calibrated log-odds kept by each judge, nats; None is chosen on the development items,
        target_precision: at which it has this precision; None: at which both labels are as likely.
    """

    def __init__(
        self,
        path: Path,
        items: Sequence[JudgeItem],
        thresholds: dict[str, float | None],
        target_precision: float | None = None,
    ):
        self.path, self.thresholds, self.target_precision = path, thresholds, target_precision
        self.bounds: dict[str, RangeFilter] = {}
        self.calibrated: dict[str, Calibration] = {}
        _, self.development, self.held_out = split_judge_items(items)

    def measured(self) -> dict[str, Calibration]:
        """Return the calibrations of the judges measured so far, by the judge's name; no model is asked."""
        return {name: self._calibration(found) for name, found in self._measurements().items()}

    def of(self, judge: Signal, engine: Engine) -> Calibration:
        """Return the calibration of `judge`, made once; measure it unless another task, thread or run has."""
        if judge.name not in self.calibrated:
            self.calibrated[judge.name] = self._calibration(self._measured(judge, engine))
        return self.calibrated[judge.name]

    def _measured(self, judge: Signal, engine: Engine) -> Measurement:
        with FileLock(f"{self.path}.lock"):
            known = self._measurements()
            if judge.name not in known:
                development, held_out = (
                    [item for item in part if item.judge == judge.items] for part in (self.development, self.held_out)
                )
                known[judge.name] = measure(judge, engine, development, held_out)
                write_json(self.path, {name: asdict(found) for name, found in known.items()})
        return known[judge.name]

    def _measurements(self) -> dict[str, Measurement]:
        if not self.path.is_file():
            return {}
        found = json.loads(self.path.read_text(encoding="utf-8"))
        return {
            name: Measurement(
                values["judge"], values["bias"], Judged(**values["development"]), Judged(**values["held_out"])
            )
            for name, values in found.items()
        }

    def _calibration(self, found: Measurement) -> Calibration:
        return found.calibration(self.thresholds[found.judge], self.target_precision)

    def verdicts(self, judge: Signal) -> list[bool]:
        """Return which held-out items a judge, asked before, keeps, in their order."""
        found = self._measurements()[judge.name]
        threshold = self._calibration(found).threshold
        return [log_odds >= threshold for log_odds in found.held_out.log_odds]

    def keeps(self, *judges: Signal) -> Wanted:
        """Return whether all of these judges, each asked before, keep a row."""
        return partial(self._keep, judges)

    def _keep(self, judges: Sequence[Signal], doc: Document) -> bool:
        return all(self._known_bound(judge).keeps(doc) for judge in judges)

    def _known_bound(self, judge: Signal) -> RangeFilter:
        """Return the bound of a judge, made once: no threshold moves while the stage runs."""
        known = self.bounds.get(judge.name)
        if known is None or known.lowest is None:
            known = self.bounds[judge.name] = self.bound(judge)
        return known

    def bound(self, judge: Signal, exclusion_writer: DiskWriter | None = None) -> RangeFilter:
        """Return the block that drops what a judge turned down; it drops nothing if the judge was not asked."""
        known = self.measured().get(judge.name)
        lowest = known.threshold if known else None
        return RangeFilter(judge.calibrated, judge.reason, lowest=lowest, exclusion_writer=exclusion_writer)
