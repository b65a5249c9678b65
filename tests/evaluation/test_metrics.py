"""Each metric against numbers computed by hand; loaded by path, without a network."""

import math
import socket

import evaluate
import numpy
import pytest
from scipy.stats import binomtest

from kun_recipes.evaluation.metrics import compute, load_metric

GOLD = ["A", "B", "C", "D", "A", "B"]
SUBJECTS = ["law", "law", "law", "law", "art", "art"]


@pytest.mark.parametrize("name", ["choice_accuracy", "paired_difference", "reference_perplexity"])
def test_metrics_load_without_a_network(name, repository, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    metric = evaluate.load(str(repository / f"kun_recipes/evaluation/metrics/{name}.py"), keep_in_memory=True)
    assert "95%" in metric.description


def test_the_mean_over_subjects_is_not_the_pooled_accuracy():
    found = compute("choice_accuracy", predictions=["A", "B", "C", "A", "A", ""], references=GOLD, subjects=SUBJECTS)
    assert found["accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)  # 0.625
    assert found["pooled"] == pytest.approx(4 / 6)
    assert found["questions"] == 6


@pytest.mark.parametrize(("right", "of"), [(0, 1), (0, 5), (5, 5), (140, 200), (199, 200)])
def test_the_interval_of_one_subject_is_wilsons(right, of):
    answers = ["A"] * right + ["B"] * (of - right)
    found = compute("choice_accuracy", predictions=answers, references=["A"] * of, subjects=["x"] * of)
    interval = binomtest(right, of).proportion_ci(method="wilson")
    for name in ("accuracy", "pooled"):
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_the_interval_of_two_subjects_is_that_of_the_variance_within_each():
    """The variance of the mean of two subjects' means: (p q / n + p q / n) / 4."""
    predictions = ["A"] * 500 + ["B"] * 500 + ["A"] * 80 + ["B"] * 20
    subjects = ["law"] * 1000 + ["art"] * 100
    found = compute("choice_accuracy", predictions=predictions, references=["A"] * 1100, subjects=subjects)
    deviation = math.sqrt((0.5 * 0.5 / 1000 + 0.8 * 0.2 / 100) / 4)
    assert found["accuracy"] == pytest.approx(0.65)
    assert found["accuracy_high"] - found["accuracy_low"] == pytest.approx(2 * 1.96 * deviation, rel=0.03)


@pytest.mark.parametrize("shares", [(0.95, 0.99, 1.0), (0.1, 0.5, 0.9), (0.25, 0.25, 0.25), (0.0, 0.02, 0.05)])
@pytest.mark.parametrize("questions", [(5, 5, 5), (20, 5, 60)])
def test_the_interval_covers_the_truth(shares, questions):
    random = numpy.random.default_rng(3)
    subjects = [str(number) for number, count in enumerate(questions * 4) for _ in range(count)]
    covered = 0
    for _ in range(200):
        right = [
            random.random() < share
            for share, count in zip(shares * 4, questions * 4, strict=True)
            for _ in range(count)
        ]
        predictions = ["A" if one else "B" for one in right]
        found = load_metric("choice_accuracy")._compute(predictions, ["A"] * len(right), subjects)
        covered += found["accuracy_low"] <= numpy.mean(shares) <= found["accuracy_high"]
    assert covered >= 180


@pytest.mark.parametrize("letter", ["A", "B"])
def test_no_interval_is_without_width(letter):
    """Not where everything is right, nor where nothing is, nor where two models always agree."""
    inputs = {"predictions": [letter] * 6, "references": ["A"] * 6, "subjects": SUBJECTS}
    found = compute("choice_accuracy", **inputs)
    assert 0 <= found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"] <= 1
    assert found["accuracy_high"] - found["accuracy_low"] > 0.3
    others = compute("paired_difference", **inputs, others=[letter] * 6)
    assert others["difference_low"] < 0 < others["difference_high"]


def test_the_same_seed_gives_the_same_interval():
    inputs = {"predictions": GOLD[::-1], "others": ["A"] * 6, "references": GOLD, "subjects": SUBJECTS}
    assert compute("paired_difference", **inputs) == compute("paired_difference", **inputs)
    one, other = (compute("paired_difference", **inputs, seed=seed, resamples=100) for seed in (1, 2))
    assert one["difference"] == other["difference"]


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
    assert -1 <= found["difference_low"] < 0 < 0.125 < found["difference_high"] <= 1


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
    assert found["difference"] == 0
    assert found["difference_low"] == pytest.approx(-found["difference_high"], abs=0.2)
    assert found["p_value"] == 1.0


def test_a_perplexity_by_hand():
    found = compute("reference_perplexity", predictions=[-math.log(2), -math.log(8)])
    assert found["perplexity"] == pytest.approx(4)
    assert (found["perplexity_low"], found["perplexity_high"]) == pytest.approx((2, 8))
    assert found["pairs"] == 2


def test_one_pair_gives_no_interval():
    found = compute("reference_perplexity", predictions=[-math.log(2)])
    assert found == {"perplexity": pytest.approx(2), "perplexity_low": None, "perplexity_high": None, "pairs": 1}


def test_a_metric_is_loaded_once():
    assert load_metric("choice_accuracy") is load_metric("choice_accuracy")
