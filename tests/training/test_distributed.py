import pytest
from datasets import Dataset

from kun_recipes.errors import ConfigError, UserError
from kun_recipes.training.checkpoints import made_from
from kun_recipes.training.distributed import check_batch, check_sharding, print_status, share_batch, whole_updates


class Processes:
    """What `share_batch` reads and sets of TrainingArguments, for any number of processes."""

    def __init__(self, world_size, per_device):
        self.world_size, self.per_device_train_batch_size, self.gradient_accumulation_steps = world_size, per_device, 1


@pytest.mark.parametrize(
    ("processes", "per_device", "steps"), [(1, 2, 8), (1, 16, 1), (4, 2, 2), (8, 2, 1), (16, 1, 1)]
)
def test_global_batch_sets_gradient_accumulation(processes, per_device, steps):
    arguments = Processes(processes, per_device)
    share_batch(arguments, 16)
    assert arguments.gradient_accumulation_steps == steps


def test_without_a_global_batch_nothing_changes():
    arguments = Processes(8, 4)
    share_batch(arguments, None)
    assert arguments.gradient_accumulation_steps == 1


@pytest.mark.parametrize(("processes", "per_device"), [(32, 1), (3, 1), (8, 3)])
def test_global_batch_that_does_not_divide_is_refused(processes, per_device):
    message = f"global_batch_size: 16 conversations cannot be divided evenly among {processes} processes with per_dev"
    with pytest.raises(UserError, match=message):
        share_batch(Processes(processes, per_device), 16)


@pytest.mark.parametrize(
    ("rows", "batch", "expected"),
    [(5, None, [0, 1, 2, 3, 4]), (4, 4, [0, 1, 2, 3]), (5, 4, [0, 1, 2, 3, 4, 0, 1, 2]), (2, 5, [0, 1, 0, 1, 0])],
)
def test_last_update_of_an_epoch_is_filled_up(rows, batch, expected):
    assert whole_updates(Dataset.from_dict({"row": range(rows)}), batch)["row"][:] == expected


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((16, 3, 1), "global_batch_size"),
        ((16, 32, 1), "global_batch_size"),
        ((16, 4, 4), "gradient_accumulation_steps"),
    ],
)
def test_check_batch_refuses_what_no_number_of_processes_divides(arguments, key):
    with pytest.raises(ConfigError) as error:
        check_batch(*arguments)
    assert error.value.key == key


@pytest.mark.parametrize("arguments", [(16, 4, 1), (None, 3, 4)])
def test_check_batch_accepts_what_some_number_of_processes_divides(arguments):
    check_batch(*arguments)


def test_record_of_a_training_depends_on_the_global_batch_alone(make_config):
    options = {"global_batch_size": 8}
    recorded = made_from(make_config(**options, per_device_train_batch_size=4))
    assert recorded == made_from(make_config(**options, per_device_train_batch_size=1, gradient_accumulation_steps=8))
    assert recorded["global_batch_size"] == 8
    assert recorded != made_from(make_config(global_batch_size=16))
    assert made_from(make_config(gradient_accumulation_steps=2)) != made_from(make_config())


@pytest.mark.parametrize(("variable", "name"), [("ACCELERATE_USE_FSDP", "FSDP"), ("ACCELERATE_USE_DEEPSPEED", "Deep")])
def test_lora_is_refused_where_weights_are_sharded(monkeypatch, variable, name):
    monkeypatch.setenv(variable, "false")
    check_sharding(8)
    monkeypatch.setenv(variable, "true")
    check_sharding(0)
    with pytest.raises(UserError, match=f"use_peft: true cannot be combined with {name}"):
        check_sharding(8)


def test_only_rank_zero_prints(monkeypatch, capsys):
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        print_status(f"rank {rank}")
    assert capsys.readouterr().err == "rank 0\n"
