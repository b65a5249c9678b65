"""Each metric against figures computed by hand; loaded by path, without a network."""

import math
import socket

import evaluate
import numpy
import pytest
from scipy.stats import bootstrap

from kun_recipes.evaluation.metrics import compute, load_metric

GOLD = ["A", "B", "C", "D", "A", "B"]
SUBJECTS = ["law", "law", "law", "law", "art", "art"]


@pytest.mark.parametrize("name", ["choice_accuracy", "paired_difference", "reference_perplexity"])
def test_metrics_load_without_a_network(name, repository, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    metric = evaluate.load(str(repository / f"kun_recipes/evaluation/metrics/{name}.py"), keep_in_memory=True)
    assert "bootstrap interval" in metric.description


def test_the_mean_over_subjects_is_not_the_pooled_accuracy():
    found = compute("choice_accuracy", predictions=["A", "B", "C", "A", "A", ""], references=GOLD, subjects=SUBJECTS)
    assert found["accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)  # 0.625
    assert found["pooled"] == pytest.approx(4 / 6)
    assert found["questions"] == 6


def test_the_interval_is_that_of_resampling_questions():
    random = numpy.random.default_rng(1)
    right = random.random(200) < 0.7
    predictions = ["A" if one else "B" for one in right]
    found = compute("choice_accuracy", predictions=predictions, references=["A"] * 200, subjects=["x"] * 200)
    interval = bootstrap((right,), numpy.mean, n_resamples=10_000, method="percentile", rng=2).confidence_interval
    assert found["accuracy_low"] == pytest.approx(interval.low, abs=0.011)
    assert found["accuracy_high"] == pytest.approx(interval.high, abs=0.011)
    assert (found["pooled_low"], found["pooled_high"]) == pytest.approx((interval.low, interval.high), abs=0.011)


def test_an_interval_over_subjects_resamples_within_each():
    """The bootstrap variance of the mean of two subjects' means: (p q / n + p q / n) / 4."""
    predictions = ["A"] * 50 + ["B"] * 50 + ["A"] * 8 + ["B"] * 2
    subjects = ["law"] * 100 + ["art"] * 10
    found = compute("choice_accuracy", predictions=predictions, references=["A"] * 110, subjects=subjects)
    deviation = math.sqrt((0.5 * 0.5 / 100 + 0.8 * 0.2 / 10) / 4)
    assert found["accuracy"] == pytest.approx(0.65)
    assert found["accuracy_high"] - found["accuracy_low"] == pytest.approx(2 * 1.96 * deviation, rel=0.1)


def test_the_same_seed_gives_the_same_interval():
    inputs = {"predictions": GOLD[::-1], "references": GOLD, "subjects": SUBJECTS}
    assert compute("choice_accuracy", **inputs) == compute("choice_accuracy", **inputs)
    one, other = (compute("choice_accuracy", **inputs, seed=seed, resamples=100) for seed in (1, 2))
    assert one["pooled"] == other["pooled"]


def test_a_paired_difference_by_hand():
    """law: two questions that only the model has right, one that only the other has; art: both right, both wrong."""
    found = compute(
        "paired_difference",
        predictions=["A", "B", "C", "A", "A", "A"],
        others=["A", "A", "A", "D", "A", "A"],
        references=GOLD,
        subjects=SUBJECTS,
    )
    assert found["difference"] == pytest.approx((1 / 4 + 0) / 2)
    assert (found["only_model"], found["only_other"]) == (2, 1)
    assert found["p_value"] == pytest.approx(1.0)  # P(at least 2 or at most 1 of 3) with a fair coin
    assert found["difference_low"] == pytest.approx(-0.25) and found["difference_high"] == pytest.approx(0.5)


def test_mcnemars_p_is_the_binomial_tail():
    found = compute(
        "paired_difference",
        predictions=["A"] * 9 + ["B"],
        others=["B"] * 9 + ["A"],
        references=["A"] * 10,
        subjects=["x"] * 10,
    )
    assert found["p_value"] == pytest.approx(2 * (10 + 1) / 2**10)


def test_no_difference_has_p_one():
    found = compute("paired_difference", predictions=GOLD, others=GOLD, references=GOLD, subjects=SUBJECTS)
    assert (found["difference"], found["difference_low"], found["difference_high"]) == (0, 0, 0)
    assert found["p_value"] == 1.0


def test_a_perplexity_by_hand():
    found = compute("reference_perplexity", predictions=[-math.log(2), -math.log(8)])
    assert found["perplexity"] == pytest.approx(4)
    assert (found["perplexity_low"], found["perplexity_high"]) == pytest.approx((2, 8))
    assert found["pairs"] == 2


def test_a_metric_is_loaded_once():
    assert load_metric("choice_accuracy") is load_metric("choice_accuracy")
