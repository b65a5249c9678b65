import pytest

from kun_recipes.config.command_line import load
from kun_recipes.errors import ConfigError
from kun_recipes.training.config import TrainConfig

NEEDED = ["--output_dir", "out", "--model", "org/name", "--seeds", "org/seeds"]


def read(repository, monkeypatch, *argv):
    monkeypatch.chdir(repository)
    return load(TrainConfig, [*NEEDED, *argv])


def test_the_defaults_keep_the_run_to_this_machine(repository, monkeypatch):
    config = read(repository, monkeypatch)
    assert (config.push_to_hub, config.report_to) == (False, ["tensorboard"])
    assert (config.completion_only_loss, config.assistant_only_loss, config.eos_token) == (True, True, "<|im_end|>")
    assert (config.direction, config.lora_rank, config.held_out_share) == ("forward", 0, 0.1)


def test_trls_own_options_stay_available(repository, monkeypatch):
    config = read(repository, monkeypatch, "--learning_rate", "3e-5", "--weight_decay", "0.01", "--max_length", "64")
    assert (config.learning_rate, config.weight_decay, config.max_length) == (3e-5, 0.01, 64)


PROMPT = ["--label_prompt", "recipes/prompts/label.txt"]
JUDGES = ["--judge_data", "recipes/demo/data/judge.jsonl"]
BACKWARD = ["--direction", "backward"]


@pytest.mark.parametrize(
    ("argv", "key", "message"),
    [
        (BACKWARD, "label_prompt", "is required for direction: backward"),
        (PROMPT, "label_prompt", "has no effect for direction: forward"),
        (["--accelerator_config", '{"foo": 1}'], "accelerator_config", "cannot be used: Acc"),
        ([*BACKWARD, *PROMPT, *JUDGES], "judge_data", "is for direction: forward"),
        (JUDGES, "filter_prompt", "is required with judge_data"),
        (["--score_prompt", "recipes/prompts/score.txt"], "score_prompt", "has no effect without judge_data"),
        (["--answer_prompt", "recipes/prompts/score.txt"], "answer_prompt", "has no effect without judge_data"),
        (["--model", "recipes/demo", "--model_revision", "abc"], "model_revision", "holds for a Hub id"),
        (["--seeds", "recipes/demo/data", "--seeds_revision", "abc"], "seeds_revision", "holds for a Hub dataset"),
        (["--packing", "true", "--padding_free", "true"], "padding_free", "has no effect with packing"),
        (["--packing", "true", "--global_batch_size", "16"], "global_batch_size", "counts conversations"),
        (["--packing_strategy", "wrapped"], "packing_strategy", "must stay bfd"),
        (["--eval_packing", "true"], "eval_packing", "must stay false"),
        (["--use_liger_kernel", "true"], "use_liger_kernel", "is given up by TRL"),
        (
            ["--model_init_kwargs", '{"attn_implementation": "sdpa"}'],
            "model_init_kwargs",
            "attn_implementation is",
        ),
        (["--report_to", "tensorbord"], "report_to", "no tracker tensorbord; there are none, azure_ml"),
        (["--assistant_only_loss", "false"], "assistant_only_loss", "must stay true"),
        (["--completion_only_loss", "false"], "completion_only_loss", "must stay true"),
        (["--save_minutes", "30", "--save_steps", "50"], "save_minutes", "saves by time, save_steps: 50 by steps"),
        (["--enable_jit_checkpoint", "true"], "enable_jit_checkpoint", "is not needed"),
        (["--global_batch_size", "12"], "global_batch_size", "must be a multiple of per_device_train_batch_size: 8"),
        (["--mix", "weight=1"], "mix.path", "is missing"),
        (["--mix", "a/b,weight=0"], "mix[0].weight", "must be above 0, not 0"),
        (["--mix", "a/b,weight=x"], "mix.weight", "must be a number, not 'x'"),
        (["--mix", "outptu=x"], "mix", "outptu: unknown key; did you mean output?"),
        (["--mix", "a/b,instruction="], "mix[0].instruction", "must not be empty"),
        (["--mix", "recipes/demo/data,revision=abc"], "mix[0].revision", "holds for a Hub dataset"),
        (["--train_rows", "0"], "train_rows", "must be at least 1, not 0"),
        (["--held_out_share", "0.6"], "held_out_share", "must be at most 0.5, not 0.6"),
        (["--lora_rank", "-1"], "lora_rank", "must be at least 0, not -1"),
        (["--judge_turns", "0"], "judge_turns", "must be at least 1, not 0"),
        (["--chat_template_path", "missing.jinja"], "chat_template_path", "no such file or folder: missing.jinja"),
    ],
)
def test_impossible_combinations_are_refused(repository, monkeypatch, argv, key, message):
    with pytest.raises(ConfigError) as error:
        read(repository, monkeypatch, *argv)
    assert error.value.key == key
    assert error.value.message.startswith(message)


@pytest.mark.parametrize("name", ["label_model", "primary_chat_model", "final_model"])
def test_the_demos_configs_are_read(repository, monkeypatch, name):
    monkeypatch.chdir(repository)
    config = load(TrainConfig, ["--config", f"recipes/demo/{name}.yaml"], future="outputs")
    assert config.output_dir == f"outputs/demo/{name}"
    assert config.direction == ("backward" if name == "label_model" else "forward")
