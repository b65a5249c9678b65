import json
import re
from dataclasses import fields

import pytest
import torch

from kun_recipes.config.command_line import load
from kun_recipes.data.pair_sources import HubPart
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.training import model_options
from kun_recipes.training.config import TrainConfig

NEEDED = ["--output_dir", "out", "--model_name_or_path", "org/name", "--seeds", "org/seeds"]


def read(repository, monkeypatch, *argv):
    monkeypatch.chdir(repository)
    return load(TrainConfig, [*NEEDED, *argv])


def test_the_defaults_keep_the_run_to_this_machine(repository, monkeypatch):
    config = read(repository, monkeypatch)
    assert (config.push_to_hub, config.report_to) == (False, ["tensorboard"])
    assert (config.completion_only_loss, config.assistant_only_loss, config.eos_token) == (True, True, "<|im_end|>")
    assert (config.direction, config.use_peft, config.held_out_share) == ("forward", False, 0.1)


def test_trls_own_options_stay_available(repository, monkeypatch):
    config = read(repository, monkeypatch, "--learning_rate", "3e-5", "--weight_decay", "0.01", "--max_length", "64")
    assert (config.learning_rate, config.weight_decay, config.max_length) == (3e-5, 0.01, 64)


PROMPT = ["--label_prompt", "recipes/prompts/label.txt"]
JUDGES = ["--judge_data", "recipes/demo/data/judge.jsonl"]
BACKWARD = ["--direction", "backward"]
MIXED = ["--dataset_mixture", '{"datasets": [{"id": "a/b"}]}']


def mixed(size=None, **more):
    """Words of a mixture of one set."""
    held_out = {} if size is None else {"test_split_size": size}
    return ["--dataset_mixture", json.dumps({"datasets": [{"id": "a/b", **more}], **held_out})]


@pytest.mark.parametrize(
    ("argv", "key", "message"),
    [
        (BACKWARD, "label_prompt", "is required for direction: backward"),
        (PROMPT, "label_prompt", "has no effect for direction: forward"),
        (["--accelerator_config", '{"foo": 1}'], "accelerator_config", "cannot be used: Acc"),
        ([*BACKWARD, *PROMPT, *JUDGES], "judge_data", "is only for direction: forward"),
        (JUDGES, "filter_prompt", "is required with judge_data"),
        (["--score_prompt", "recipes/prompts/score.txt"], "score_prompt", "has no effect without judge_data"),
        (["--answer_prompt", "recipes/prompts/score.txt"], "answer_prompt", "has no effect without judge_data"),
        (
            ["--model_name_or_path", "recipes/demo", "--model_revision", "abc"],
            "model_revision",
            "applies only to a Hub id",
        ),
        (
            ["--seeds", "recipes/demo/data", "--seeds_revision", "abc"],
            "seeds_revision",
            "applies only to a Hub dataset",
        ),
        (["--packing", "true", "--padding_free", "true"], "padding_free", "has no effect with packing"),
        (["--packing", "true", "--global_batch_size", "16"], "global_batch_size", "counts conversations"),
        (["--packing_strategy", "wrapped"], "packing_strategy", "must stay bfd"),
        (["--eval_packing", "true"], "eval_packing", "must stay false"),
        (["--use_liger_kernel", "true"], "use_liger_kernel", "TRL replaced it"),
        (
            ["--model_init_kwargs", '{"attn_implementation": "sdpa"}'],
            "model_init_kwargs",
            "attn_implementation is a separate option",
        ),
        (["--report_to", "tensorbord"], "report_to", "unknown tracker tensorbord; choose none, azure_ml"),
        (["--assistant_only_loss", "false"], "assistant_only_loss", "must stay true"),
        (["--completion_only_loss", "false"], "completion_only_loss", "must stay true"),
        (
            ["--save_minutes", "30", "--save_steps", "50"],
            "save_minutes",
            "saves by time, but save_steps: 50 is also set",
        ),
        (["--enable_jit_checkpoint", "true"], "enable_jit_checkpoint", "is not needed"),
        (["--global_batch_size", "12"], "global_batch_size", "must be a multiple of per_device_train_batch_size: 8"),
        (["--dataset_mixture", "{}"], "dataset_mixture.datasets", "is missing"),
        (["--dataset_mixture", '{"datasets": [{"weight": 1}]}'], "dataset_mixture.datasets[0].id", "is missing"),
        (mixed(weight=0), "dataset_mixture.datasets[0].weight", "must be above 0, not 0"),
        (mixed(weight=1.5), "dataset_mixture.datasets[0].weight", "must be at most 1, not 1.5"),
        (mixed(weight="x"), "dataset_mixture.datasets[0].weight", "must be a number or null, not 'x'"),
        (mixed(weight=1, at_most=1), "dataset_mixture.datasets[0].at_most", "weight is also set"),
        (mixed(wieght=1), "dataset_mixture.datasets[0].wieght", "unknown key; did you mean weight?"),
        (mixed(columns=["text"]), "dataset_mixture.datasets[0].columns", "must name the instruction and"),
        (mixed(columns=["a", "b", "c"]), "dataset_mixture.datasets[0].columns", "must name the instruction"),
        (mixed(id="recipes/demo/data", revision="abc"), "dataset_mixture.datasets[0].revision", "applies only to"),
        (mixed(id="recipes/demo/data", split="train"), "dataset_mixture.datasets[0].split", "applies only to a Hub"),
        (mixed(100), "dataset_mixture.test_split_size", "the held-out pairs are seeds"),
        (["--train_rows", "0"], "train_rows", "must be at least 1, not 0"),
        (["--held_out_share", "0.6"], "held_out_share", "must be at most 0.5, not 0.6"),
        (["--lora_r", "0"], "lora_r", "must be at least 1, not 0"),
        (["--load_in_4bit", "true"], "load_in_4bit", "needs use_peft: true"),
        (["--load_in_8bit", "true"], "load_in_8bit", "needs use_peft: true"),
        (["--load_in_4bit", "true", "--load_in_8bit", "true"], "load_in_4bit", "load_in_8bit is also set"),
        (["--merge_adapters", "false"], "merge_adapters", "has no effect without use_peft: true"),
        (["--push_to_hub", "true"], "push_to_hub", "must stay false; publish with recipes/publish.py"),
        (["--seeds", "null"], "seeds", "is required unless dataset_mixture is set"),
        (["--seeds", "null", *MIXED, "--train_rows", "5"], "train_rows", "applies only to the seeds"),
        (["--judge_turns", "0"], "judge_turns", "must be at least 1, not 0"),
        (["--chat_template_path", "missing.jinja"], "chat_template_path", "no such file or folder: missing.jinja"),
    ],
)
def test_impossible_combinations_are_refused(repository, monkeypatch, argv, key, message):
    with pytest.raises(ConfigError) as error:
        read(repository, monkeypatch, *argv)
    assert error.value.key == key
    assert error.value.message.startswith(message)


OLD = {
    "model": "model_name_or_path",
    "attention": "attn_implementation",
    "lora_rank": "lora_r, with use_peft: true",
    "lora_targets": "lora_target_modules",
    "mix": "dataset_mixture: {datasets",
    "torch_dtype": "dtype",
    "max_seq_length": "max_length",
    "warmup_ratio": "warmup_steps",
}


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_name_is_answered_by_the_new_one(repository, monkeypatch, tmp_path, old, new):
    file = tmp_path / "train.yaml"
    file.write_text(f"{old}: 1\n", encoding="utf-8")
    for argv, where in ((["--config", str(file)], str(file)), ([f"--{old.replace('_', '-')}", "1"], "command line")):
        with pytest.raises(ConfigError) as error:
            read(repository, monkeypatch, *argv)
        assert str(error.value).startswith(f"{where}: {old} is now {new}")


def test_all_old_names_of_a_file_are_reported_at_once(repository, monkeypatch, tmp_path):
    file = tmp_path / "train.yaml"
    file.write_text("model: m\nlora_targets: [q_proj]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read(repository, monkeypatch, "--config", str(file))
    assert error.value.message == "model is now model_name_or_path; lora_targets is now lora_target_modules"


def test_the_new_names_are_options():
    known = {field.name for field in fields(TrainConfig)}
    assert not known & TrainConfig.RENAMED.keys()
    texts = [text.removeprefix("is now ") for text in TrainConfig.RENAMED.values() if text.startswith("is now ")]
    assert {re.split("[,:]", text)[0] for text in texts} <= known


HANDBOOK = """
# Model arguments
model_name_or_path: org/base
model_revision: main
dtype: bfloat16
attn_implementation: flash_attention_2

# LoRA arguments
load_in_4bit: true
use_peft: true
lora_r: 16
lora_alpha: 16
lora_dropout: 0.05
lora_target_modules:
- q_proj
- v_proj

# Data training arguments
dataset_mixture:
  datasets:
    - id: org/chats
      config: default
      split: train_sft
      columns:
        - messages
      weight: 1.0
    - id: org/more
      columns: [prompt, completion]
      weight: 0.5
  test_split_size: 1000
  seed: 0
dataset_num_proc: 12

# SFT trainer config
bf16: true
do_eval: true
eval_strategy: epoch
gradient_accumulation_steps: 2
gradient_checkpointing: true
gradient_checkpointing_kwargs:
  use_reentrant: false
hub_model_id: chats-qlora
hub_strategy: every_save
learning_rate: 2.0e-04
log_level: info
logging_steps: 5
logging_strategy: steps
lr_scheduler_type: cosine
max_length: 2048
max_steps: -1
num_train_epochs: 1
output_dir: data/chats-qlora
packing: true
per_device_eval_batch_size: 8
per_device_train_batch_size: 4
push_to_hub: false
remove_unused_columns: true
report_to:
- tensorboard
save_strategy: "steps"
save_steps: 100
save_total_limit: 1
seed: 42
warmup_steps: 0.1
"""


def test_a_config_of_the_handbooks_kind_loads(tmp_path):
    file = tmp_path / "sft.yaml"
    file.write_text(HANDBOOK, encoding="utf-8")
    config = load(TrainConfig, ["--config", str(file)])
    assert (config.seeds, config.report_to, config.eval_strategy) == (None, ["tensorboard"], "epoch")
    assert (config.loaded_dtype(), config.quantized) == (torch.bfloat16, True)
    adapters = config.adapters()
    assert (adapters.r, adapters.lora_alpha, adapters.target_modules) == (16, 16, {"q_proj", "v_proj"})
    chats, more = config.dataset_mixture.datasets
    assert (chats.instruction, chats.part) == (
        "instruction",
        HubPart(None, "default", "train_sft", ("config", "split")),
    )
    assert (more.instruction, more.output, more.weight) == ("prompt", "completion", 0.5)


@pytest.mark.parametrize(
    ("targets", "taken"), [(["q_proj"], {"q_proj"}), (["all-linear"], "all-linear"), (None, None)], ids=str
)
def test_targets_reach_peft_as_they_are_meant(repository, monkeypatch, targets, taken):
    words = ["--lora_target_modules", *targets] if targets else []
    assert read(repository, monkeypatch, "--use_peft", "true", *words).adapters().target_modules == taken


def test_without_bitsandbytes_qlora_is_refused_in_one_line(repository, monkeypatch):
    monkeypatch.setattr(model_options, "is_bitsandbytes_available", lambda: False)
    config = read(repository, monkeypatch, "--use_peft", "true", "--load_in_4bit", "true")
    with pytest.raises(
        UserError, match=r"^load_in_4bit: needs the package bitsandbytes; run pip install bitsandbytes, or"
    ):
        config.quantization()


def test_the_bits_of_the_base_and_the_format_of_its_products(repository, monkeypatch):
    monkeypatch.setattr(model_options, "is_bitsandbytes_available", lambda: True)
    words = ["--use_peft", "true", "--load_in_4bit", "true"]
    assert read(repository, monkeypatch, *words).quantization().bnb_4bit_compute_dtype == torch.float32
    half = read(repository, monkeypatch, *words, "--dtype", "float16").quantization()
    assert (half.bnb_4bit_compute_dtype, half.bnb_4bit_quant_type) == (torch.float16, "nf4")
    assert read(repository, monkeypatch, "--use_peft", "true").quantization() is None


@pytest.mark.parametrize("name", ["label_model", "primary_chat_model", "final_model"])
def test_the_demos_configs_are_read(repository, monkeypatch, name):
    monkeypatch.chdir(repository)
    config = load(TrainConfig, ["--config", f"recipes/demo/{name}.yaml"], future="outputs")
    assert config.output_dir == f"outputs/demo/{name}"
    assert config.direction == ("backward" if name == "label_model" else "forward")


def test_a_mixture_behind_a_null_counts(in_repository):
    config = load(TrainConfig, ["--config", "recipes/demo/label_model.yaml", "--dataset_mixture", "null", *MIXED])
    assert [one.id for one in config.dataset_mixture.datasets] == ["a/b"]
