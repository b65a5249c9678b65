"""Trainings by several processes, started as people start them: the same losses as one process with the same batch."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM

from kun_recipes.training import sft

pytestmark = pytest.mark.slow

FULL = {"use_peft": False, "learning_rate": 1e-3}
LORA = {"use_peft": True, "learning_rate": 1e-2}
STEPS = 6

SCRIPT = """
import os, signal, sys
import torch
from kun_recipes.cli import main
from kun_recipes.training import sft
from kun_recipes.training.config import TrainConfig

class Interrupted(sft.ProgressBar):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 3 and os.environ["RANK"] in os.environ["KILLED_RANKS"]:
            os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))

sft.ProgressBar = Interrupted
main(TrainConfig, sft.train)
"""
"""recipes/train.py, whose processes KILLED_RANKS get SIGNAL in the fourth step; checkpoints are made every two."""

UNREADABLE = """
import os
from kun_recipes.training import sft

def fail(*_):
    raise AssertionError("read again")

if os.environ["RANK"] in os.environ["UNREADABLE_RANKS"]:
    sft.load_data = fail
"""
"""Lets UNREADABLE_RANKS read no data."""

AS_GPUS = """
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType

torch.distributed.init_process_group("gloo")
PartialState._prepare_backend = lambda self, *args: ("gloo", DistributedType.MULTI_GPU)
PartialState.set_device = lambda self: setattr(self, "device", torch.device("cpu"))
"""
"""accelerate shards over GPUs only: here it takes the CPU processes for some."""


@pytest.fixture
def options(tmp_path, tiny_model):
    """Six updates on eight pairs each, the same with any number of processes up to four; in fp32 everywhere."""
    seeds = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"第{n}问：{n}加一是多少？", "output": f"是{n + 1}。" * (1 + n % 5)} for n in range(40)]
    seeds.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return {
        "model_name_or_path": str(tiny_model),
        "seeds": str(seeds),
        "held_out_share": 0.25,
        "lora_r": 4,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "lora_target_modules": ["q_proj", "v_proj"],
        "bf16": False,
        "dtype": "float32",
        "global_batch_size": 8,
        "per_device_train_batch_size": 2,
        "max_steps": STEPS,
        "save_steps": 2,
    }


@pytest.fixture
def launch(tmp_path, repository, options):
    """Runs a training in several processes; returns its folder, its exit code and what it said."""

    def launch(*arguments, config="multi_cpu", script="recipes/train.py", machines=1, environment=None, **changes):
        folder = tmp_path / "together"
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump({**options, **changes, "output_dir": str(folder)}), encoding="utf-8")
        command = [sys.executable, "-m", "accelerate.commands.launch"]
        command += ["--config_file", f"accelerate_configs/{config}.yaml", *arguments]
        training = [script, "--config", str(file)]
        variables = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1", **(environment or {})}
        ranks = [["--machine_rank", str(rank)] for rank in range(machines)] if machines > 1 else [[]]
        running = [
            subprocess.Popen(
                [*command, *rank, *training], cwd=repository, env=variables, stderr=subprocess.PIPE, text=True
            )
            for rank in ranks
        ]
        said = [process.communicate(timeout=120)[1] for process in running]
        return folder, max(abs(process.returncode) for process in running), "".join(said)

    return launch


@pytest.fixture
def alone(tmp_path, make_config, options):
    """Trains in this process alone; returns the folder."""

    def alone(folder="alone", **changes):
        config = make_config(**{**options, **changes, "output_dir": str(tmp_path / folder)})
        sft.train(config)
        return Path(config.output_dir)

    return alone


def losses(folder):
    events = EventAccumulator(str(folder / "logs"))
    events.Reload()
    return {scalar.step: scalar.value for scalar in events.Scalars("train/loss")}


def weights(folder):
    return AutoModelForCausalLM.from_pretrained(folder).state_dict()


def assert_same_training(one, other):
    """The same losses at every step, held-out losses and weights, but for the order in which floats are summed."""
    first, second = (json.loads((folder / "train_summary.json").read_text()) for folder in (one, other))
    assert first["rows_held_out"] % 2 == 1  # uneven over two processes
    assert list(losses(one)) == list(losses(other)) == list(range(1, STEPS + 1))
    for step, loss in losses(one).items():
        assert losses(other)[step] == pytest.approx(loss, rel=1e-5), step
    for key in ("held_out_loss_before", "held_out_loss_after", "loss_first", "loss_last"):
        assert second[key] == pytest.approx(first[key], rel=1e-5), key
    for key in ("rows_in", "rows_kept", "rows_held_out", "steps", "tokens_trained"):
        assert second[key] == first[key], key
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(other)[name], weight, rtol=1e-3, atol=1e-4)


def report(folder):
    summary = json.loads((folder / "train_summary.json").read_text())
    before, after = summary["held_out_loss_before"], summary["held_out_loss_after"]
    return (
        f"train: 40 rows in, 40 kept, removed: none ({summary['seconds']:.0f} s) -> {folder}\n"
        f"train: held-out loss {before:.3f} before, {after:.3f} after\n"
    )


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_two_processes_train_like_one(alone, launch):
    folder, code, said = launch(**FULL)
    assert code == 0, said
    assert said == report(folder)
    assert_same_training(alone(**FULL), folder)


def test_the_data_are_read_by_one_process_and_once(launch, tmp_path):
    """The second process cannot read them; after a kill in the fourth step none of the two can."""
    script = tmp_path / "unreadable.py"
    script.write_text(UNREADABLE + SCRIPT, encoding="utf-8")
    killed = {"KILLED_RANKS": "01", "SIGNAL": "SIGKILL", "UNREADABLE_RANKS": "1"}
    folder, code, _ = launch(script=str(script), environment=killed, **FULL)
    assert code != 0
    resumed = {"KILLED_RANKS": "", "UNREADABLE_RANKS": "01"}
    folder, code, said = launch(script=str(script), environment=resumed, **FULL)
    assert (code, said) == (0, "train: continuing from step 2\n" + report(folder))


def test_adapters_on_two_machines_train_like_on_one(alone, launch):
    where = ["--num_machines", "2", "--num_processes", "2", "--main_process_ip", "127.0.0.1"]
    folder, code, said = launch(
        *where, "--main_process_port", str(free_port()), config="multi_node", machines=2, **LORA
    )
    assert code == 0, said
    assert said == report(folder)
    assert_same_training(alone(**LORA), folder)


@pytest.fixture
def interrupt(tmp_path, launch):
    """Runs a training whose ranks get a signal; returns its folder and what it said."""

    def interrupt(ranks, signal_name, *arguments, before="", **options):
        script = tmp_path / "interrupted.py"
        script.write_text(before + SCRIPT, encoding="utf-8")
        environment = {"KILLED_RANKS": ranks, "SIGNAL": signal_name}
        folder, code, said = launch(*arguments, script=str(script), environment=environment, **options)
        assert code != 0
        return folder, said

    return interrupt


def test_one_process_resumes_the_killed_training_of_two(alone, interrupt, capsys):
    folder, _ = interrupt("01", "SIGKILL", **FULL)
    assert alone("together", per_device_train_batch_size=4, **FULL) == folder
    assert capsys.readouterr().err == "train: continuing from step 2\n" + report(folder)
    assert_same_training(alone(**FULL), folder)


def test_training_resumes_after_one_process_was_preempted(alone, interrupt, launch):
    _, said = interrupt("1", "SIGTERM", **FULL)
    assert "train: stopped at step 4; run the same command again to resume\n" in said
    folder, code, said = launch(**FULL)
    assert (code, said) == (0, "train: continuing from step 4\n" + report(folder))
    assert_same_training(alone(**FULL), folder)


@pytest.mark.parametrize("config", ["fsdp2", "fsdp2_zero2"])
def test_sharded_weights_train_like_whole_ones(alone, interrupt, launch, tmp_path, repository, config):
    two = ("--num_processes", "2")
    interrupt("01", "SIGKILL", *two, before=AS_GPUS, config=config, **FULL)
    script = tmp_path / "train.py"
    script.write_text(AS_GPUS + (repository / "recipes" / "train.py").read_text(encoding="utf-8"), encoding="utf-8")
    folder, code, said = launch(*two, config=config, script=str(script), **FULL)
    assert (code, said) == (0, "train: continuing from step 2\n" + report(folder))
    assert_same_training(alone(**FULL), folder)
    assert {weight.dtype for weight in weights(folder).values()} == {torch.float32}


@pytest.mark.skipif(shutil.which("g++") is None, reason="DeepSpeed compiles what its processes talk by")
def test_zero3_trains_like_whole_weights(alone, interrupt, launch, monkeypatch):
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    two = ("--cpu", "--num_processes", "2")
    interrupt("01", "SIGKILL", *two, config="zero3", **FULL)
    folder, code, said = launch(*two, config="zero3", **FULL)
    assert code == 0 and "train: continuing from step 2\n" in said, said
    assert_same_training(alone(**FULL), folder)
    assert {weight.dtype for weight in weights(folder).values()} == {torch.float32}


def test_a_mistake_prints_its_one_line_alone(repository, tmp_path):
    words = ["--output_dir", tmp_path / "model", "--model_name_or_path", "m", "--seeds", tmp_path / "none.jsonl"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--config_file"]
    command = [*launch, "accelerate_configs/cpu.yaml", "recipes/train.py", *map(str, words)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout + done.stderr == f"command line: seeds: no such file or folder: {tmp_path}/none.jsonl\n"
