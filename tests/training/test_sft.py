import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from kun_recipes.chain.stages.training import TRAINING
from kun_recipes.errors import UserError
from kun_recipes.models.resolve import resolve_model
from kun_recipes.training import checkpoints, sft
from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.config import TrainConfig
from kun_recipes.training.data import load_data
from kun_recipes.training.formatting import load_tokenizer

pytestmark = pytest.mark.slow


def build(config):
    tokenizer = load_tokenizer(config, config.model_name_or_path)
    data = load_data(config, tokenizer)
    return sft.build_trainer(config, config.model_name_or_path, tokenizer, data, RunFolder(config)), data


def trained_text(trainer, row):
    return trainer.processing_class.decode([label for label in row["labels"] if label != -100])


def test_forward_labels_are_the_answer_and_eos(make_config):
    trainer, data = build(make_config())
    for row, conversation in zip(trainer.train_dataset, data.training, strict=True):
        assert trained_text(trainer, row) == conversation["completion"][0]["content"] + "<|im_end|>"
        assert row["labels"][-1] == trainer.processing_class.eos_token_id


def test_backward_labels_are_the_instruction_and_eos(make_config, repository):
    prompt = repository / "recipes" / "prompts" / "label.txt"
    trainer, data = build(make_config(direction="backward", label_prompt=str(prompt)))
    for row, conversation in zip(trainer.train_dataset, data.training, strict=True):
        whole = trainer.processing_class.decode(row["input_ids"])
        assert whole.startswith("<|im_start|>user\n请直接告诉我，以下回复最有可能对应的指令是什么：\n是")
        assert trained_text(trainer, row) == conversation["completion"][0]["content"] + "<|im_end|>"


def test_judge_labels_are_the_verdicts_and_their_eos(make_config, judges):
    trainer, data = build(make_config(**judges))
    rows = list(zip(trainer.train_dataset, data.training, strict=True))[-4:]
    for row, conversation in rows:
        verdicts = [turn["content"] for turn in conversation["completion"] if turn["role"] == "assistant"]
        assert 1 < len(verdicts) <= 4
        assert trained_text(trainer, row) == "".join(f"{verdict}<|im_end|>" for verdict in verdicts)


def test_padding_is_not_trained_and_is_not_eos(make_config):
    trainer, _ = build(make_config(per_device_train_batch_size=8))
    batch = next(iter(trainer.get_train_dataloader()))
    padded = batch["attention_mask"] == 0
    assert padded.any()
    assert (batch["labels"][padded] == -100).all()
    assert (batch["input_ids"][padded] != trainer.processing_class.eos_token_id).all()
    ends = (batch["labels"] == trainer.processing_class.eos_token_id).sum(dim=1)
    assert (ends == 1).all()


def test_output_is_a_plain_model_with_a_lower_loss(make_config, tmp_path):
    config = make_config(max_steps=20, save_strategy="no")
    summary = sft.train(config)
    model = AutoModelForCausalLM.from_pretrained(config.output_dir)
    tokenizer = AutoTokenizer.from_pretrained(config.output_dir)
    assert not any("lora" in name for name, _ in model.named_parameters())
    assert tokenizer.eos_token_id in [model.config.eos_token_id]
    assert tokenizer.eos_token_id in torch.tensor(model.generation_config.eos_token_id)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert "generation" in tokenizer.chat_template
    assert summary["held_out_loss_after"] < summary["held_out_loss_before"]
    assert summary["loss_last"] < summary["loss_first"]
    assert (summary["rows_in"], summary["rows_kept"], summary["steps"]) == (12, 12, 20)
    assert summary["resolved"] == {"bf16": False, "dtype": "float32", "attention": "sdpa", "device": "cpu"}
    assert not (tmp_path / "model" / "checkpoints").exists()


def test_the_saved_weights_are_base_and_adapter_merged(make_config, monkeypatch):
    seen = {}
    save_model = sft._save_model

    def keep_logits(trainer, *args):
        seen["ids"] = torch.tensor([trainer.train_dataset[0]["input_ids"]])
        assert isinstance(trainer.model, PeftModel)
        with torch.no_grad():
            seen["adapted"] = trainer.model(seen["ids"]).logits
            with trainer.model.disable_adapter():
                seen["base"] = trainer.model(seen["ids"]).logits
        save_model(trainer, *args)

    monkeypatch.setattr(sft, "_save_model", keep_logits)
    config = make_config()
    sft.train(config)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(config.output_dir)(seen["ids"]).logits
    torch.testing.assert_close(logits, seen["adapted"], rtol=1e-4, atol=1e-4)
    assert (logits - seen["base"]).abs().max() > 0.1


def test_all_weights_are_trained_at_rank_zero(make_config, tiny_model):
    config = make_config(use_peft=False, bf16=False, learning_rate=1e-3)
    sft.train(config)
    trained = AutoModelForCausalLM.from_pretrained(config.output_dir).state_dict()
    for name, weight in AutoModelForCausalLM.from_pretrained(tiny_model).state_dict().items():
        assert not torch.equal(weight, trained[name]), name


def test_complete_model_is_not_trained_again(make_config, capsys):
    config = make_config(max_steps=1)
    summary = sft.train(config)
    written = os.stat(f"{config.output_dir}/model.safetensors").st_mtime_ns
    capsys.readouterr()
    assert sft.train(config) == summary
    assert os.stat(f"{config.output_dir}/model.safetensors").st_mtime_ns == written
    assert capsys.readouterr().err == f"train: already complete -> {config.output_dir}\n"


class Killed(BaseException):
    """Stands for SIGKILL inside the test process: nothing may catch it."""


def kill(*args, **kwargs):
    raise Killed


def before_the_first_step(patch):
    patch.setattr(sft.ProgressBar, "on_train_begin", kill)


def once_the_held_out_loss_is_measured(patch):
    patch.setattr(sft.ProgressBar, "on_evaluate", kill)


def at_an_unmarked_checkpoint(patch):
    mark = checkpoints.WriteManifest.on_save
    patch.setattr(
        checkpoints.WriteManifest,
        "on_save",
        lambda self, args, state, *rest, **more: (
            kill() if state.global_step == 6 else mark(self, args, state, *rest, **more)
        ),
    )


def after_a_whole_checkpoint(patch):
    mark = checkpoints.WriteManifest.on_save
    patch.setattr(
        checkpoints.WriteManifest,
        "on_save",
        lambda self, args, state, *rest, **more: (
            mark(self, args, state, *rest, **more),
            kill() if state.global_step == 3 else None,
        ),
    )


def before_saving(patch):
    patch.setattr(sft, "_save_model", kill)


def before_the_summary(patch):
    patch.setattr(RunFolder, "finish", kill)


def while_moving(patch):
    replace, moved = os.replace, []

    def once(source, target):
        if "/model/" in str(source) and not str(source).endswith(".partial") and moved:
            kill()
        replace(source, target)
        if "/model/" in str(source) and not str(source).endswith(".partial"):
            moved.append(target)

    patch.setattr(os, "replace", once)


KILLS = [
    before_the_first_step,
    once_the_held_out_loss_is_measured,
    at_an_unmarked_checkpoint,
    after_a_whole_checkpoint,
    before_saving,
    before_the_summary,
    while_moving,
]


def weights(config):
    with open(f"{config.output_dir}/model.safetensors", "rb") as file:
        return file.read()


def lasting(summary):
    return {key: value for key, value in summary.items() if key not in ("seconds", "throughput", "used")}


@pytest.mark.parametrize("at", KILLS, ids=lambda at: at.__name__)
def test_resume_after_a_kill_gives_the_same_weights(make_config, tmp_path, at):
    whole = make_config(output_dir=str(tmp_path / "whole"))
    expected = sft.train(whole)
    config = make_config()
    with pytest.MonkeyPatch.context() as patch:
        at(patch)
        with pytest.raises(Killed):
            sft.train(config)
    assert lasting(sft.train(config)) == lasting(expected)
    assert weights(config) == weights(whole)


WAYS = {
    "packed": {"packing": True, "max_length": 200},
    "padding_free": {"padding_free": True},
    "grouped by length": {"train_sampling_strategy": "group_by_length"},
}


@pytest.mark.parametrize("way", WAYS)
def test_resume_in_second_epoch_without_padding(make_config, tmp_path, way):
    options = {**WAYS[way], "max_steps": 12, "save_steps": 7}  # at most 6 steps an epoch
    whole = make_config(output_dir=str(tmp_path / "whole"), **options)
    expected = sft.train(whole)
    config = make_config(**options)
    with pytest.MonkeyPatch.context() as patch:
        mark = checkpoints.WriteManifest.on_save
        patch.setattr(checkpoints.WriteManifest, "on_save", lambda *args, **more: (mark(*args, **more), kill()))
        with pytest.raises(Killed):
            sft.train(config)
    assert lasting(sft.train(config)) == lasting(expected)
    assert weights(config) == weights(whole)
    assert (expected["padding_share"] == 0) == (way != "grouped by length")


KILL_AT_STEP_FIVE = """
import os, signal, sys
from transformers import TrainerCallback
from kun_recipes.config.command_line import load
from kun_recipes.training import model_options, sft
from kun_recipes.training.config import TrainConfig

class Kill(sft.ProgressBar):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 5:
            os.kill(os.getpid(), signal.SIGKILL)

sft.ProgressBar = Kill
model_options.fast_dtype = lambda: __import__("torch").float32
sft.train(load(TrainConfig, sys.argv[1:]))
"""


def test_adapters_may_be_saved_alone(make_config, tmp_path):
    merged, alone = make_config(output_dir=str(tmp_path / "merged")), make_config(merge_adapters=False)
    sft.train(merged)
    sft.train(alone)
    folder = Path(alone.output_dir)
    files = {file.name for file in folder.iterdir() if file.is_file()}
    assert "adapter_model.safetensors" in files and "config.json" not in files
    assert all(any(map(Path(name).match, TRAINING.writes)) for name in files)
    with pytest.raises(UserError, match="contains only adapters; train with merge_adapters: true"):
        resolve_model(str(folder))
    base = AutoModelForCausalLM.from_pretrained(alone.model_name_or_path, dtype=torch.float32)
    again = PeftModel.from_pretrained(base, folder).merge_and_unload().state_dict()
    saved = AutoModelForCausalLM.from_pretrained(merged.output_dir).state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in saved.items())


def test_adapters_over_a_quantised_base_are_merged_into_the_whole_one(make_config, tmp_path, monkeypatch):
    merged, quantised = make_config(output_dir=str(tmp_path / "merged")), make_config()
    monkeypatch.setattr(TrainConfig, "quantized", property(lambda config: "merged" not in config.output_dir))
    monkeypatch.setattr(TrainConfig, "quantization", lambda config: None)
    sft.train(merged)
    sft.train(quantised)
    assert weights(quantised) == weights(merged)
    assert not (Path(quantised.output_dir) / "adapters").exists()


def test_a_base_of_four_bits_is_trained_on_and_saved_whole(make_config):
    pytest.importorskip("bitsandbytes", reason="of the extra gpu")
    config = make_config(load_in_4bit=True)
    trainer, _ = build(config)
    assert trainer.model.get_base_model().is_loaded_in_4bit
    summary = sft.train(config)
    assert summary["held_out_loss_after"] < summary["held_out_loss_before"]
    saved = AutoModelForCausalLM.from_pretrained(config.output_dir)
    assert not hasattr(saved.config, "quantization_config")
    base = AutoModelForCausalLM.from_pretrained(config.model_name_or_path)
    assert saved.num_parameters() == base.num_parameters()


def test_resume_after_sigkill_gives_the_same_weights(make_config, tmp_path, seeds, tiny_model):
    whole = make_config(output_dir=str(tmp_path / "whole"))
    sft.train(whole)
    options = {
        "output_dir": tmp_path / "model",
        "model_name_or_path": tiny_model,
        "seeds": seeds,
        "use_peft": True,
        "lora_r": 4,
        "lora_alpha": 16,
        "lora_dropout": 0,
        "learning_rate": 0.01,
        "per_device_train_batch_size": 2,
        "max_steps": 8,
        "save_steps": 3,
    }
    argv = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    argv += ["--lora_target_modules", "q_proj", "v_proj"]
    killed = subprocess.run([sys.executable, "-c", KILL_AT_STEP_FIVE, *argv], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (tmp_path / "model" / "checkpoints" / "checkpoint-3").is_dir()
    config = make_config()
    sft.train(config)
    assert weights(config) == weights(whole)
