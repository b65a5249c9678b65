"""Calibration of the judges: what is chosen and measured on which items, and that each is measured once."""

import json
import threading
from dataclasses import asdict
from statistics import mean
from types import SimpleNamespace

import pytest
from scipy.special import expit

from kun_recipes.curation import calibration
from kun_recipes.curation.calibration import Calibrations, Judged, Measurement, measure
from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.curation.judging import Calibration
from kun_recipes.curation.measures import (
    area_under_roc,
    auc_interval,
    calibration_error,
    even_threshold,
    fit_platt,
    share_interval,
)
from kun_recipes.models.engines import load_engine

pytestmark = pytest.mark.slow


def items(judge: str, **labelled: str) -> list[JudgeItem]:
    return [JudgeItem(judge, text, label, "kind") for label, texts in labelled.items() for text in texts.split()]


DEVELOPMENT = items("filter", 是="写诗 什么是水？ 请介绍故宫 为何下雨？", 否="故宫在北京 水往低处流 首页 下一页")
HELD_OUT = items("filter", 是="翻译这句话 何时？ 请总结", 否="联系我们 春天来了 目录")


def test_the_bias_is_the_mean_over_content_free_input(settings, judges, log_odds):
    for judge in judges.values():
        expected = mean(log_odds(judge, ["", "无", "N/A", "……"]))
        assert judge.bias(load_engine(settings)) == pytest.approx(expected)


def test_a_judge_is_asked_about_both_parts(settings, judges, log_odds):
    judge = judges["filter"]
    bias = judge.bias(load_engine(settings))
    seen, tested = (
        [odds - bias for odds in log_odds(judge, [one.text for one in part])] for part in (DEVELOPMENT, HELD_OUT)
    )
    found = measure(judge, load_engine(settings), DEVELOPMENT, HELD_OUT)
    assert found == Measurement(
        "filter",
        pytest.approx(bias),
        Judged(pytest.approx(seen, abs=1e-4), [True] * 4 + [False] * 4),
        Judged(pytest.approx(tested, abs=1e-4), [True] * 3 + [False] * 3),
    )


SEEN = Judged([-3.0, -1.0, 0.5, 0.0, 2.0, 4.0], [False, False, False, True, True, True])
TESTED = Judged([-2.0, 1.0, 3.0, -1.0, 5.0], [False, False, True, True, True])
MEASURED = Measurement("filter", -0.5, SEEN, TESTED)


def test_calibration_chooses_on_some_items_and_measures_on_others():
    found = MEASURED.calibration(None)
    slope, intercept = fit_platt(SEEN.log_odds, SEEN.right)
    probabilities = [float(expit(slope * odds + intercept)) for odds in TESTED.log_odds]
    assert (found.judge, found.bias, found.development, found.held_out) == ("filter", -0.5, 6, 5)
    assert found.threshold == even_threshold(SEEN.log_odds, SEEN.right)
    assert (found.slope, found.intercept) == (slope, intercept)
    assert found.auc == area_under_roc(TESTED.log_odds, TESTED.right) == 5 / 6
    assert (found.auc_low, found.auc_high) == auc_interval(found.auc, 3, 2)
    assert found.accuracy == 3 / 5  # -1 is right and below, 1 is wrong and above
    assert (found.accuracy_low, found.accuracy_high) == share_interval(3, 5)
    assert found.calibration_error == pytest.approx(calibration_error(probabilities, TESTED.right))
    assert [found.probability(odds) for odds in TESTED.log_odds] == pytest.approx(probabilities)


@pytest.mark.parametrize(
    ("threshold", "target", "chosen", "source", "accuracy"),
    [
        (None, None, 0.3980358069584842, "development items", 0.6),
        (-1.5, None, -1.5, "config", 0.8),
        (-1e9, None, -1e9, "config", 0.6),
        (None, 1.0, 1.25, "development items, precision 1.00 there", 0.8),
        (None, 0.75, -0.5, "development items, precision 0.75 there", 0.6),
        (None, 0.5, -3.5, "development items, precision 0.50 there", 0.6),
    ],
)
def test_origin_of_a_threshold(threshold, target, chosen, source, accuracy):
    found = MEASURED.calibration(threshold, target)
    assert (found.threshold, found.threshold_from, found.accuracy) == (chosen, source, accuracy)


def test_unreachable_precision_is_reported_with_the_best():
    seen = Judged([0.0, 1.0, 2.0, 3.0], [True, False, True, False])
    found = Measurement("score", 0.0, seen, TESTED).calibration(None, 0.9)
    assert found.threshold_from == "development items, precision 0.50 there; none has the target, 0.9"
    assert found.threshold == -0.5
    assert found.threshold_from in str(found)


def test_a_judge_of_pairs_is_measured_with_the_outputs(settings, pair_judge, log_odds):
    pairs = [
        JudgeItem("score", item.text, {"是": "好", "否": "差"}[item.label], "", f"答{item.text}") for item in HELD_OUT
    ]
    nothing = ["", "无", "N/A", "……"]
    bias = mean(log_odds(pair_judge, [(text, text) for text in nothing]))
    tested = [odds - bias for odds in log_odds(pair_judge, [(item.text, item.output) for item in pairs])]
    found = measure(pair_judge, load_engine(settings), pairs[:4], pairs)
    assert found.bias == pytest.approx(bias)
    assert found.held_out.log_odds == pytest.approx(tested, abs=1e-4)


def test_a_judge_of_answers_is_measured_with_the_segments(settings, judge_of_answers):
    engine = load_engine(settings)
    items = [JudgeItem("answer", "问", label, "", "答", segment) for segment in ("甲", "乙") for label in "好差"]
    found = measure(judge_of_answers, engine, items, items)

    def ask(**texts: str) -> float:
        [(good, poor)] = engine.choose([judge_of_answers.prompt.render(**texts)], ("好", "差"))
        return good - poor

    bias = mean(ask(segment=text, instruction=text, output=text) for text in ["", "无", "N/A", "……"])
    asked = [ask(segment=segment, instruction="问", output="答") - bias for segment in "甲甲乙乙"]
    assert found.held_out == Judged(pytest.approx(asked, abs=1e-4), [True, False, True, False])
    assert asked[0] != pytest.approx(asked[2], abs=1e-4)


def test_calibration_is_reported():
    found = MEASURED.calibration(None)
    assert str(found) == (
        "filter judge, 5 held-out items: AUC 0.83 [0.31, 0.98], accuracy 0.60 [0.23, 0.88] at calibrated log-odds"
        " +0.40 (from development items); bias -0.50; calibration error of its probabilities"
        f" {found.calibration_error:.2f}"
    )
    assert Calibration(**found.to_dict()) == found


def test_concurrent_threads_calibrate_a_judge_once(settings, judges, tmp_path):
    engine = load_engine(settings)
    asked = []

    class Counting:
        def choose(self, prompts, choices):
            asked.append(len(prompts))
            return engine.choose(prompts, choices)

    calibrations = Calibrations(tmp_path / "judges.json", [*DEVELOPMENT, *HELD_OUT], {"filter": None, "score": None})
    assert calibrations.measured() == {}
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(calibrations.of(judges["filter"], Counting()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 3  # the bias, the development and the held-out items
    assert found == [calibrations.measured()["filter"]] * 3
    assert (found[0].development, found[0].held_out) == (4, 2)  # of 14, 8 are for the training


def test_probabilities_are_fitted_once_for_all_rows_of_a_stage(judges, tmp_path, monkeypatch):
    fitted = []

    def counted(*arguments):
        fitted.append(arguments)
        return fit_platt(*arguments)

    monkeypatch.setattr(calibration, "fit_platt", counted)
    (tmp_path / "judges.json").write_text(json.dumps({"filter": asdict(MEASURED)}), encoding="utf-8")
    calibrations = Calibrations(tmp_path / "judges.json", [], {"filter": 1.0})
    nobody = None
    found = [calibrations.of(judges["filter"], nobody) for _ in range(3)]
    assert len(fitted) == 1
    assert found == [MEASURED.calibration(1.0)] * 3


def test_another_threshold_asks_no_model(settings, judges, tmp_path):
    path, items = tmp_path / "judges.json", [*DEVELOPMENT, *HELD_OUT]
    first = Calibrations(path, items, {"filter": None}).of(judges["filter"], load_engine(settings))
    nobody = None
    for threshold, target in ((99.0, None), (None, 1.0), (None, None)):
        later = Calibrations(path, items, {"filter": threshold}, target)
        found = later.of(judges["filter"], nobody)
        assert found == later.measured()["filter"]
        assert (found.bias, found.auc, found.slope) == (first.bias, first.auc, first.slope)
        assert (threshold is None or found.threshold == threshold) and (target is None) == (
            "there" not in found.threshold_from
        )
    assert found == first


def test_a_score_at_the_threshold_is_kept(tmp_path):
    judged = Judged([1.0, 0.0], [True, False])
    assert Measurement("filter", 0.0, judged, judged).calibration(1.0).accuracy == 1.0
    known = {"filter": asdict(Measurement("filter", 0.0, judged, judged))}
    (tmp_path / "judges.json").write_text(json.dumps(known), encoding="utf-8")
    calibrations = Calibrations(tmp_path / "judges.json", [], {"filter": 1.0})
    assert calibrations.verdicts(SimpleNamespace(name="filter")) == [True, False]
