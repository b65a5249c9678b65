"""Each formula against an example multiplied by hand, with the numbers of conftest.py."""

import math
from dataclasses import replace
from typing import Any

import pytest

from kun_recipes.chain.plan.assumptions import Assumption, Assumptions
from kun_recipes.chain.plan.training import step_seconds
from kun_recipes.chain.plan.work import Flow
from kun_recipes.chain.stages.training import TRAINING
from kun_recipes.training.mixture import DatasetMixture, MixedDataset

BATCH = {"per_device_train_batch_size": 10}


def with_training(known: Assumptions, **values: Any) -> Assumptions:
    """The assumptions with other ones of the trainings."""
    return replace(known, sections={**known.sections, "training": replace(known.training, **values)})


@pytest.mark.parametrize(
    ("options", "conversations", "steps", "tokens"),
    [
        # 90 of 100 pairs, 40 + 10 tokens each
        ({**BATCH, "num_train_epochs": 1}, 90, 9, 4500),
        ({**BATCH, "num_train_epochs": 3}, 90, 27, 13_500),
        ({"per_device_train_batch_size": 20, "num_train_epochs": 1}, 90, 5, 4500),
        ({**BATCH, "gradient_accumulation_steps": 3, "num_train_epochs": 1}, 90, 3, 4500),
        ({**BATCH, "max_steps": 100}, 90, 100, 50_000),
        ({**BATCH, "train_rows": 50, "num_train_epochs": 1}, 50, 5, 2500),
        ({**BATCH, "global_batch_size": 30, "num_train_epochs": 1}, 90, 3, 4500),
        # the label prompt adds 20 tokens
        ({**BATCH, "direction": "backward", "num_train_epochs": 1}, 90, 9, 6300),
        # 30 rows of 80 + 10 tokens besides, or one for two of the 90
        (
            {**BATCH, "dataset_mixture": DatasetMixture([MixedDataset("owner/other")]), "num_train_epochs": 1},
            120,
            12,
            7200,
        ),
        (
            {
                **BATCH,
                "dataset_mixture": DatasetMixture([MixedDataset("owner/other", weight=0.5)]),
                "num_train_epochs": 1,
            },
            105,
            11,
            5850,
        ),
        # 2 judges x 2 passes x 50 items / 12 a conversation: 20 of 400 tokens
        (
            {**BATCH, "judge_data": ["items"], "judge_turns": 12, "judge_passes": 2, "num_train_epochs": 1},
            110,
            11,
            12_500,
        ),
        # 30 conversations of 700 tokens in each of 2 passes besides
        (
            {
                **BATCH,
                **{"judge_data": ["items"], "judge_turns": 12, "judge_passes": 2, "answer_prompt": "prompt"},
                "num_train_epochs": 1,
            },
            170,
            17,
            54_500,
        ),
        # rows of 500 tokens: 9 of them
        ({"per_device_train_batch_size": 2, "packing": True, "max_length": 500, "num_train_epochs": 1}, 90, 5, 4500),
        ({"per_device_train_batch_size": 2, "packing": True, "max_length": 500, "max_steps": 8}, 90, 8, 8000),
    ],
)
def test_tokens_and_steps(make, known, options, conversations, steps, tokens):
    work = TRAINING.work(make.training(**options), known, Flow(known), devices=1)
    assert (work.rows_in, work.steps, work.tokens_read) == (conversations, steps, pytest.approx(tokens))


@pytest.mark.parametrize(
    ("gpus", "passes", "checkpointing", "seconds"),
    [
        # 600 tokens x a million parameters x 6 operations, at half of a billion per second
        (1, 1, False, 7.2),
        (1, 1, True, 9.6),
        (2, 1, False, 3.6),
        # 3 x a million x 2 bytes: 0.1 s inside a node, 1 s between nodes
        (8, 10, False, 1.0),
        (8, 1, False, 0.9),
        (16, 1, False, 1.0),
        (16, 4, False, 4.0),
    ],
)
def test_update_time_is_the_longer_of_computation_and_exchange(known, gpus, passes, checkpointing, seconds):
    computed = known.training.computed
    assert step_seconds(computed, 1e6, 600, gpus, passes, checkpointing) == pytest.approx(seconds)


def test_device_time_is_that_of_all_gpus(make, known):
    config = make.training(**BATCH, global_batch_size=20, num_train_epochs=1)  # 5 updates of 900 tokens, one pass each
    work = TRAINING.work(config, known, Flow(known), devices=2)
    assert work.devices == 2
    assert work.device_seconds == pytest.approx(5 * 2 * max(900 * 6e6 / 1e9, 0.1))


def test_measured_speed_overrides_the_computed_one(make, known):
    measured = replace(known, speeds={"training": Assumption(500, "measured")})
    work = TRAINING.work(make.training(**BATCH, num_train_epochs=1), measured, Flow(known), devices=1)
    assert work.device_seconds == 4500 / 500


def test_time_is_unknown_without_a_measured_or_computed_speed(make, known):
    neither = with_training(known, computed=None)
    work = TRAINING.work(make.training(**BATCH), neither, Flow(known), devices=1)
    assert math.isnan(work.device_seconds)
    assert work.steps == 27


@pytest.mark.parametrize(
    ("devices", "used"),
    [(1, 1), (2, 2), (3, 2), (4, 4), (8, 8), (12, 8), (32, 8)],
)
def test_no_more_gpus_than_the_global_batch_divides_over(make, known, devices, used):
    config = make.training(global_batch_size=16, per_device_train_batch_size=2)
    assert TRAINING.work(config, known, Flow(known), devices).devices == used


@pytest.mark.parametrize(
    ("options", "checkpoints"),
    [
        # 90 updates: one checkpoint each 20; two are kept while the third is written
        ({"save_steps": 20, "save_total_limit": 2}, 3),
        ({"save_steps": 20, "save_total_limit": 8}, 4),
        ({"save_steps": 20, "save_total_limit": None}, 4),
        ({"save_steps": 500, "save_total_limit": 2}, 0),
        ({"save_steps": 0.25, "save_total_limit": None}, 4),
        ({"save_strategy": "no"}, 0),
        ({"save_steps": 20, "use_peft": True}, 0),
        # 54 seconds by the assumptions
        ({"save_minutes": 0.2, "save_total_limit": 2}, 3),
        ({"save_minutes": 0.35, "save_total_limit": 2}, 2),
        ({"save_minutes": 1}, 0),
        ({"save_minutes": 0.2, "use_peft": True}, 0),
    ],
)
def test_disk(make, known, options, checkpoints):
    config = make.training(per_device_train_batch_size=1, num_train_epochs=1, **options)
    work = TRAINING.work(config, known, Flow(known), devices=1)
    assert work.disk_bytes == 2_000_000
    assert work.scratch_bytes == checkpoints * 12_000_000
