"""The judges: their thresholds and measures against brute force, and that each is measured once."""

import threading
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from kun_recipes.curation.calibration import Calibrations, area_under_roc, best_threshold, calibrate
from kun_recipes.curation.judge_data import JudgeItem
from kun_recipes.curation.judging import Calibration
from kun_recipes.models.engines import load_engine

pytestmark = pytest.mark.slow

SCORED = st.lists(st.tuples(st.integers(-6, 6), st.booleans()), min_size=2).filter(
    lambda pairs: len({positive for _, positive in pairs}) == 2
)
"""Scores, many of them equal, of both kinds."""


def balanced_accuracy(pairs: list[tuple[float, bool]], threshold: float) -> float:
    kept = mean(score >= threshold for score, positive in pairs if positive)
    dropped = mean(score < threshold for score, positive in pairs if not positive)
    return kept + dropped


@hypothesis_settings(deadline=None)
@given(SCORED)
def test_the_best_threshold_is_in_the_widest_gap_of_highest_balanced_accuracy(pairs):
    scores, positive = zip(*pairs, strict=True)
    threshold = best_threshold(scores, positive)
    levels = sorted(set(scores))
    edges = [levels[0] - 1, *levels, levels[-1] + 1]
    gaps = [(high - low, (low + high) / 2) for low, high in pairwise(edges)]
    best = max(balanced_accuracy(pairs, middle) for _, middle in gaps)
    assert balanced_accuracy(pairs, threshold) == pytest.approx(best)
    attaining = [(gap, middle) for gap, middle in gaps if balanced_accuracy(pairs, middle) == pytest.approx(best)]
    assert threshold in [middle for gap, middle in gaps]
    width = next(gap for gap, middle in gaps if middle == threshold)
    assert width == pytest.approx(max(gap for gap, _ in attaining))


@pytest.mark.parametrize(
    ("scores", "positive", "threshold"),
    [
        ([0, 1, 4, 5], [False, False, True, True], 2.5),
        ([5, 0, 4, 1], [True, False, True, False], 2.5),
        ([0, 2, 3, 9], [False, True, False, True], 6.0),  # the wider one of two gaps as good
        ([0, 0, 5], [False, True, True], 2.5),  # equal scores cannot be parted
        ([1, 1], [True, False], 0.5),
        ([1, 2], [True, False], 0.5),  # upside down: keep all
        # 5/5 + 1/5 and 2/5 + 4/5 are as good, though not in floating point; the first gap is the wider
        ([-2, 0, 0, 0, 0, 0, 0, 1, 1, 1], [False] * 4 + [True] * 3 + [False, True, True], -1.0),
    ],
)
def test_best_threshold_by_example(scores, positive, threshold):
    assert best_threshold(scores, positive) == threshold


@hypothesis_settings(deadline=None)
@given(SCORED)
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs):
    above = [score for score, positive in pairs if positive]
    below = [score for score, positive in pairs if not positive]
    wins = [1.0 if high > low else 0.5 if high == low else 0.0 for high in above for low in below]
    scores, positive = zip(*pairs, strict=True)
    assert area_under_roc(scores, positive) == pytest.approx(mean(wins))


def items(judge: str, **labelled: str) -> list[JudgeItem]:
    return [JudgeItem(judge, text, label, "kind") for label, texts in labelled.items() for text in texts.split()]


DEVELOPMENT = items("filter", 是="写诗 什么是水？ 请介绍故宫 为何下雨？", 否="故宫在北京 水往低处流 首页 下一页")
HELD_OUT = items("filter", 是="翻译这句话 何时？ 请总结", 否="联系我们 春天来了 目录")


def test_the_bias_is_the_mean_over_content_free_input(settings, judges, log_odds):
    for judge in judges.values():
        expected = mean(log_odds(judge, ["", "无", "N/A", "……"]))
        assert judge.bias(load_engine(settings)) == pytest.approx(expected)


def test_calibration_chooses_on_some_items_and_measures_on_others(settings, judges, log_odds):
    judge = judges["filter"]
    bias = judge.bias(load_engine(settings))
    seen = [odds - bias for odds in log_odds(judge, [item.text for item in DEVELOPMENT])]
    tested = [odds - bias for odds in log_odds(judge, [item.text for item in HELD_OUT])]
    right = [item.label == "是" for item in HELD_OUT]
    found = calibrate(judge, load_engine(settings), DEVELOPMENT, HELD_OUT, None)
    threshold = best_threshold(seen, [item.label == "是" for item in DEVELOPMENT])
    assert found == Calibration(
        judge="filter",
        bias=pytest.approx(bias),
        threshold=pytest.approx(threshold, abs=1e-4),
        threshold_from="development items",
        auc=pytest.approx(area_under_roc(tested, right)),
        accuracy=mean((odds >= found.threshold) == is_right for odds, is_right in zip(tested, right, strict=True)),
        held_out=6,
        development=8,
    )


def test_a_threshold_of_the_config_is_kept(settings, judges):
    found = calibrate(judges["filter"], load_engine(settings), DEVELOPMENT, HELD_OUT, -1.5)
    assert (found.threshold, found.threshold_from) == (-1.5, "config")
    everything = calibrate(judges["filter"], load_engine(settings), DEVELOPMENT, HELD_OUT, -1e9)
    assert (everything.accuracy, everything.auc) == (0.5, found.auc)


def test_a_judge_of_pairs_is_measured_with_the_outputs(settings, pair_judge, log_odds):
    engine = load_engine(settings)
    pairs = [
        JudgeItem("score", item.text, {"是": "好", "否": "差"}[item.label], "", f"答{item.text}") for item in HELD_OUT
    ]
    nothing = ["", "无", "N/A", "……"]
    bias = mean(log_odds(pair_judge, [(text, text) for text in nothing]))
    tested = [odds - bias for odds in log_odds(pair_judge, [(item.text, item.output) for item in pairs])]
    found = calibrate(pair_judge, engine, [], pairs, 0.0)
    assert found.bias == pytest.approx(bias)
    assert found.auc == pytest.approx(area_under_roc(tested, [item.label == "好" for item in pairs]))


def test_calibration_is_reported():
    found = Calibration("filter", -0.5, 0.25, "config", 0.875, 0.75, 40, 41)
    assert str(found) == (
        "filter judge, 40 held-out items: AUC 0.88, accuracy 0.75 at calibrated log-odds +0.25 (from config);"
        " bias -0.50"
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
    later = Calibrations(tmp_path / "judges.json", [*DEVELOPMENT, *HELD_OUT], {"filter": 99.0, "score": None})
    assert later.of(judges["filter"], Counting()) == found[0]
    assert len(asked) == 3
