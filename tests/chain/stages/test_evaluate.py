"""The evaluate stage by hand: a question has 50 tokens, a held-out pair 40, a device does 100 tokens per second."""

import math

import pytest

from kun_recipes.chain.plan.work import Flow
from kun_recipes.chain.stages.evaluate import EVALUATE
from kun_recipes.evaluation.config import Benchmark
from kun_recipes.execution.asked import changed_keys
from kun_recipes.execution.folder import StageFolder

CEVAL, CMMLU = Benchmark("c", "ceval"), Benchmark("c", "cmmlu")


def test_evaluation_counts_the_tokens_of_every_model(make, known):
    two = [Benchmark("c", "ceval", subjects=["law", "logic"])]
    config = make.evaluation(benchmarks=two, limit=10, models=["a", "b"], max_new_tokens=8, held_out_new_tokens=30)
    work = EVALUATE.work(config, known, Flow(known), devices=1)
    read = 3 * (2 * (20 + 2 * 5) * 50 + 2 * 10 * 40)
    written = 3 * (20 * 8 + 10 * 30)
    assert (work.tokens_read, work.tokens_written) == (read, written)
    assert work.device_seconds == (read + written) / 100
    assert work.rows_in == work.rows_out == 3 * (20 + 10)


@pytest.mark.parametrize(
    ("options", "questions"),
    [
        ({}, 1346),
        ({"benchmarks": [CMMLU]}, 11582),
        ({"benchmarks": [CEVAL, CMMLU]}, 1346 + 11582),
        ({"groups": ["Hard"]}, 8 * 1346 / 52),
    ],
)
def test_limit_and_subjects_decide_the_number_of_questions(make, known, options, questions):
    work = EVALUATE.work(make.evaluation(**options), known, Flow(known), devices=1)
    assert work.rows_in == pytest.approx(questions + 10)


def test_full_ppl_mode_reads_four_prompts_per_question(make, known):
    law = [Benchmark("c", "ceval", subjects=["law"])]
    config = make.evaluation(benchmarks=law, limit=10, modes=["ppl-full"], format="plain")
    work = EVALUATE.work(config, known, Flow(known), devices=1)
    assert work.tokens_read == 4 * 10 * 6 * 50 + 2 * 10 * 40


def test_unknown_seeds_leave_the_time_unknown(make, known):
    assert math.isnan(EVALUATE.work(make.evaluation(seeds="others"), known, Flow(known), devices=1).device_seconds)


def test_versions_of_prompts_and_reader_change_the_fingerprint(make, monkeypatch):
    config = make.evaluation(benchmarks=[CEVAL, CMMLU])
    asked = EVALUATE.asked(config)
    assert asked["prompt_versions"] == {"ceval": 2, "cmmlu": 2}
    assert asked == StageFolder("evaluate", config).asked  # as the stage itself writes it
    monkeypatch.setattr("kun_recipes.evaluation.config.READER_VERSION", 99)
    assert changed_keys(EVALUATE.asked(config), asked) == ["reader_version"]
