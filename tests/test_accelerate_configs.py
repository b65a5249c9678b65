"""How trainings are spread: what accelerate reads from each file of accelerate_configs/."""

import re
import shlex
from pathlib import Path

import pytest
from accelerate import DeepSpeedPlugin
from accelerate.commands import launch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_deepspeed_cmd_env

from kun_recipes.chain.loading import load_chain
from kun_recipes.errors import UserError
from kun_recipes.training.distributed import check_sharding

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIGS = sorted((REPOSITORY / "accelerate_configs").glob("*.yaml"))

SPREAD = {
    "cpu": (DistributedType.NO, 1, 1),
    "multi_cpu": (DistributedType.MULTI_GPU, 1, 2),
    "single_gpu": (DistributedType.NO, 1, 1),
    "multi_gpu": (DistributedType.MULTI_GPU, 1, 8),
    "fsdp2": (DistributedType.FSDP, 1, 8),
    "fsdp2_zero2": (DistributedType.FSDP, 1, 8),
    "zero3": (DistributedType.DEEPSPEED, 1, 8),
    "multi_node": (DistributedType.MULTI_GPU, 2, 16),
}
"""Kind, machines, processes."""


def launched(words):
    """What `accelerate launch` makes of its arguments and the file that they name."""
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(words))
    return arguments


def test_there_is_one_config_per_setup():
    assert {path.stem for path in CONFIGS} == set(SPREAD)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accelerate_loads_each_config(path):
    config = load_config_from_file(str(path))
    assert (config.distributed_type, config.num_machines, config.num_processes) == SPREAD[path.stem]
    assert config.mixed_precision == "no"  # the recipe decides
    assert config.use_cpu == (path.stem == "cpu")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_header_gives_a_purpose_and_a_valid_command(path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    header = path.read_text(encoding="utf-8").split("\ncompute_environment")[0]
    (command,) = re.findall(r"^#   accelerate launch (.*)$", header, flags=re.MULTILINE)
    assert header.startswith("# ") and not header.startswith("#   ")
    words = shlex.split(command)
    arguments = launched(words)
    assert arguments.quiet  # no traceback of the launcher behind the one line of a mistake
    assert arguments.config_file == f"accelerate_configs/{path.stem}.yaml"
    assert arguments.training_script == "recipes/train.py"


def test_configs_for_one_machine_let_the_system_choose_the_port():
    for name in ("multi_cpu", "multi_gpu", "fsdp2", "fsdp2_zero2", "zero3"):
        assert load_config_from_file(str(REPOSITORY / f"accelerate_configs/{name}.yaml")).main_process_port == 0, name


def test_sharding_configs_save_the_whole_model():
    zero3 = load_config_from_file(str(REPOSITORY / "accelerate_configs/zero3.yaml")).deepspeed_config
    assert (zero3["zero_stage"], zero3["zero3_save_16bit_model"]) == (3, True)
    assert (
        zero3["gradient_accumulation_steps"] == zero3["gradient_clipping"] == "auto"
    )  # else the recipe's are ignored
    for name, resharded in {"fsdp2": True, "fsdp2_zero2": False}.items():
        sharding = load_config_from_file(str(REPOSITORY / f"accelerate_configs/{name}.yaml")).fsdp_config
        assert (sharding["fsdp_version"], sharding["fsdp_reshard_after_forward"]) == (2, resharded)


def test_command_line_overrides_the_machines_of_a_config():
    words = ["--num_machines", "4", "--num_processes", "32", "--machine_rank", "3", "--main_process_ip", "10.0.0.1"]
    for name in ("multi_gpu", "fsdp2", "multi_node"):
        file = str(REPOSITORY / f"accelerate_configs/{name}.yaml")
        arguments = launched(["--config_file", file, *words, "--main_process_port", "29501", "recipes/train.py"])
        assert (arguments.num_machines, arguments.num_processes, arguments.machine_rank) == (4, 32, 3), name
        assert (arguments.main_process_ip, arguments.main_process_port) == ("10.0.0.1", 29501), name


SHARDED = ["humpback", "kun-34b", "kun-6b", "qwen3", "qwen3_5", "released"]


@pytest.mark.parametrize("recipe", SHARDED)
def test_recipes_that_shard_can_be_launched_with_zero3(recipe, monkeypatch, tmp_path):
    """Accelerate's launcher, up to the call of DeepSpeed's, and the plugin that each process then makes."""
    monkeypatch.chdir(REPOSITORY)
    words = ["--accelerate_config", "accelerate_configs/zero3.yaml", "--output_dir", str(tmp_path)]
    chain = load_chain(f"recipes/{recipe}", words, future=["data", "outputs"])
    training = next(stage for stage in chain.stages if stage.kind.devices == "training")
    asked = []
    monkeypatch.setattr(launch, "deepspeed_launcher", asked.append)
    command = training.command
    launch.launch_command(launch_command_parser().parse_args(command[command.index("--config_file") :]))
    _, environment = prepare_deepspeed_cmd_env(asked[0])
    assert asked[0].num_processes == 8
    for name, value in environment.items():
        if name.startswith("ACCELERATE_"):
            monkeypatch.setenv(name, value)
    plugin = DeepSpeedPlugin()
    assert (plugin.zero_stage, plugin.zero3_init_flag, plugin.zero3_save_16bit_model) == (3, True, True)
    sizes = {"train_batch_size": 16, "train_micro_batch_size_per_gpu": 1}
    plugin.deepspeed_config_process(gradient_accumulation_steps=2, gradient_clipping=0.5, **sizes)
    filled = plugin.deepspeed_config
    assert (filled["gradient_accumulation_steps"], filled["gradient_clipping"]) == (2, 0.5)  # the recipe's
    assert filled["zero_optimization"]["offload_param"]["device"] == "none"
    check_sharding(training.config.use_peft)
    with pytest.raises(UserError, match="cannot be combined with DeepSpeed"):
        check_sharding(True)
