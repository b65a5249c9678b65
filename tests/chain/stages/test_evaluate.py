"""The evaluate stage by hand: a question has 50 tokens, a held-out pair 40, a device does 100 tokens a second."""

import math

import pytest

from kun_recipes.chain.plan.evaluation import evaluate_work
from kun_recipes.chain.plan.stages import Flow


def test_a_benchmark_of_every_model(make, figures):
    config = make.evaluation(
        ceval_subjects=["law", "logic"], limit=10, models=["a", "b"], max_new_tokens=8, held_out_new_tokens=30
    )
    work = evaluate_work(config, figures, Flow(figures))
    read = 3 * (2 * (20 + 2 * 5) * 50 + 2 * 10 * 40)
    written = 3 * (20 * 8 + 10 * 30)
    assert (work.tokens_read, work.tokens_written) == (read, written)
    assert work.device_seconds == (read + written) / 100
    assert work.rows_in == work.rows_out == 3 * (20 + 10)


@pytest.mark.parametrize(
    ("options", "questions"),
    [
        ({}, 1346),
        ({"ceval": None, "cmmlu": "c"}, 11582),
        ({"ceval": "c", "cmmlu": "c"}, 1346 + 11582),
        ({"groups": ["Hard"]}, 8 * 1346 / 52),
    ],
)
def test_questions_that_are_asked(make, figures, options, questions):
    work = evaluate_work(make.evaluation(**options), figures, Flow(figures))
    assert work.rows_in == pytest.approx(questions + 10)


def test_four_whole_prompts_are_dear(make, figures):
    config = make.evaluation(ceval_subjects=["law"], limit=10, modes=["ppl-full"], format="plain")
    work = evaluate_work(config, figures, Flow(figures))
    assert work.tokens_read == 4 * 10 * 6 * 50 + 2 * 10 * 40


def test_unknown_seeds_leave_it_open(make, figures):
    assert math.isnan(evaluate_work(make.evaluation(seeds="others"), figures, Flow(figures)).device_seconds)
