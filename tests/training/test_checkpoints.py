import json
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments
from trl import SFTConfig

from kun_recipes.config.command_line import load
from kun_recipes.errors import UserError
from kun_recipes.execution.asked import changed_keys
from kun_recipes.training import checkpoints, options, sft
from kun_recipes.training.checkpoints import RunFolder, WriteManifest, made_from
from kun_recipes.training.config import TrainConfig


@pytest.fixture
def folder(make_config):
    run = RunFolder(make_config())
    assert run.finished() is None
    return run


def save_checkpoint(run, step):
    checkpoint = run.checkpoints / f"checkpoint-{step}"
    (checkpoint / "nested").mkdir(parents=True)
    torch.save({"step": step}, checkpoint / "optimizer.pt")
    (checkpoint / "nested" / "weights").write_bytes(b"weights")
    state = TrainerState(global_step=step, is_world_process_zero=True)
    WriteManifest().on_save(TrainingArguments(str(run.checkpoints), use_cpu=True), state, TrainerControl())
    return checkpoint


def test_last_checkpoint_is_the_one_with_the_highest_step(folder):
    for step in (9, 100, 20):
        save_checkpoint(folder, step)
    assert folder.last_checkpoint() == str(folder.checkpoints / "checkpoint-100")


def test_no_checkpoint_yet(folder):
    assert folder.last_checkpoint() is None


def test_additional_file_does_not_invalidate_a_checkpoint(folder):
    whole = save_checkpoint(folder, 3)
    (whole / "shard_of_another_machine").write_bytes(b"weights")
    assert folder.last_checkpoint() == str(whole)


def cut(checkpoint):
    (checkpoint / "optimizer.pt").write_bytes(b"half")


BREAKAGES = {
    "not marked": lambda checkpoint: (checkpoint / "manifest.json").unlink(),
    "file cut": cut,
    "file gone": lambda checkpoint: (checkpoint / "nested" / "weights").unlink(),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_checkpoint_is_deleted_and_the_previous_one_used(folder, breakage):
    whole, broken = save_checkpoint(folder, 3), save_checkpoint(folder, 6)
    BREAKAGES[breakage](broken)
    assert folder.last_checkpoint() == str(whole)
    assert not broken.exists()


def test_finish_publishes_the_model_and_drops_the_checkpoints(folder):
    save_checkpoint(folder, 3)
    folder.staged_model.mkdir()
    (folder.staged_model / "model.safetensors").write_bytes(b"weights")
    summary = folder.finish({"steps": 3})
    assert {file.name for file in folder.output.iterdir()} == {"model.safetensors", "train_summary.json"}
    assert summary == {"steps": 3, "config": folder.asked}
    assert folder.finished() == summary


def test_interrupted_move_of_a_finished_model_is_completed(folder):
    folder.staged_model.mkdir()
    (folder.staged_model / "config.json").write_text("new")
    (folder.output / "model.safetensors").write_bytes(b"moved already")
    (folder.staged_model / "train_summary.json").write_text(json.dumps({"config": folder.asked}))
    assert folder.finished() == {"config": folder.asked}
    assert {file.name for file in folder.output.iterdir()} == {
        "config.json",
        "model.safetensors",
        "train_summary.json",
    }


def test_partly_saved_model_is_deleted(folder):
    folder.staged_model.mkdir()
    (folder.staged_model / "model.safetensors").write_bytes(b"half")
    assert folder.finished() is None
    assert not folder.staged_model.exists()


def test_second_process_does_not_rewrite_the_start_file(folder, make_config):
    started = folder.checkpoints / "started.json"
    written = started.stat().st_ino
    assert RunFolder(make_config()).finished() is None
    assert started.stat().st_ino == written


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_are_refused_by_name(folder, make_config, finished):
    if finished:
        folder.staged_model.mkdir()
        folder.finish({})
    other = RunFolder(make_config(learning_rate=0.5, lora_r=2))
    with pytest.raises(
        UserError, match="was trained with different values of learning_rate, lora_r; remove the folder"
    ):
        other.finished()


def test_other_seeds_under_the_same_name_are_refused(folder, make_config, seeds):
    seeds.write_text('{"instruction": "新", "output": "新"}\n' * 2, encoding="utf-8")
    with pytest.raises(UserError, match="was trained with different values of seeds"):
        RunFolder(make_config()).finished()


@pytest.mark.parametrize("use_peft", [False, True])
@pytest.mark.parametrize("bf16", [None, False, True])
def test_training_config_does_not_depend_on_the_processor(make_config, monkeypatch, use_peft, bf16):
    made = []
    for dtype in (torch.bfloat16, torch.float32):
        monkeypatch.setattr(options, "fast_dtype", lambda dtype=dtype: dtype)
        made.append(made_from(make_config(use_peft=use_peft, bf16=bf16)))
    assert made[0] == made[1]
    assert made[0].get("bf16") is bf16


@pytest.mark.parametrize("use_peft", [False, True])
def test_another_number_format_is_another_training(make_config, use_peft):
    options = [made_from(make_config(use_peft=use_peft, bf16=bf16)) for bf16 in (None, False, True)]
    assert options[0] != options[1] != options[2] != options[0]


def test_asking_for_the_cpu_is_compared_as_asked(make_config, monkeypatch):
    alone = made_from(make_config(use_cpu=True))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert made_from(make_config(use_cpu=True)) == alone
    assert made_from(make_config()) == {key: value for key, value in alone.items() if key != "use_cpu"}


def test_a_training_is_the_same_from_another_folder(repository, tiny_model, tmp_path, monkeypatch):
    words = ["--config", str(repository / "recipes/demo/label_model.yaml"), "--model_name_or_path", str(tiny_model)]
    words += ["--seeds", "recipes/demo/data/seeds.jsonl", "--output_dir", str(tmp_path / "out")]
    made = []
    for folder in (repository, tmp_path):
        monkeypatch.chdir(folder)
        made.append(made_from(load(TrainConfig, words)))
    assert not changed_keys(*made)


def test_a_default_is_the_same_by_command_line_and_in_python(make_config):
    """transformers' parser reads the default "no" of a text or truth value as False."""
    assert made_from(make_config(include_num_input_tokens_seen=False)) == made_from(make_config())


def test_a_mapping_is_compared_by_value_however_it_was_written(make_config):
    asked = {"dtype": "float32"}
    assert made_from(make_config(model_init_kwargs=asked)) == made_from(
        make_config(model_init_kwargs=json.dumps(asked))
    )


def test_folder_with_foreign_files_is_refused(make_config, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("do not touch")
    with pytest.raises(UserError, match=r"contains unrelated files \(thesis.txt\); set another output_dir"):
        RunFolder(make_config()).finished()


def test_options_without_effect_on_weights_may_change(make_config):
    assert made_from(make_config()) == made_from(
        make_config(save_steps=1, logging_steps=9, disable_tqdm=True, ddp_find_unused_parameters=True)
    )
    assert made_from(make_config()) != made_from(make_config(seed=1))


@pytest.fixture
def clock(monkeypatch):
    """The time in minutes; `clock.now` sets it."""
    clock = SimpleNamespace(now=0)
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: 60 * clock.now))
    return clock


def saved_at(clock, minutes: list[float]) -> list[float]:
    """The ends of steps after which a callback that saves every ten minutes does."""
    callback = checkpoints.SaveByTime(600)
    callback.on_train_begin(None, None, None)
    saved = []
    for clock.now in minutes:
        control = TrainerControl()
        callback.on_step_end(None, None, control)
        if control.should_save:
            callback.on_save(None, None, control)
            saved.append(clock.now)
    return saved


def test_a_checkpoint_is_saved_ten_minutes_after_the_last(clock):
    assert saved_at(clock, [1, 9.9, 10, 11, 19.9, 20, 35, 44, 45, 46]) == [10, 20, 35, 45]


def test_all_processes_save_where_the_first_is_due(clock, monkeypatch):
    monkeypatch.setattr(checkpoints, "reduce", lambda flag, how: flag + 1)
    assert saved_at(clock, [1, 2]) == [1, 2]


@pytest.mark.slow
def test_a_training_that_saves_by_the_clock_resumes(make_config, tmp_path, clock, monkeypatch, capsys):
    """A step takes a minute: checkpoints lie at steps 3 and 6, none after the last."""

    class Tick(sft.ProgressBar):
        def on_step_begin(self, args, state, control, **kwargs):
            clock.now += 1

        def on_save(self, args, state, control, **kwargs):
            saved.append(state.global_step)
            if kill and state.global_step == 6:
                raise KeyboardInterrupt

    saved, kill = [], False
    monkeypatch.setattr(sft, "ProgressBar", Tick)
    options = {"save_steps": SFTConfig.save_steps, "save_minutes": 3, "max_steps": 9}
    whole = make_config(output_dir=str(tmp_path / "whole"), **options)
    sft.train(whole)
    assert saved == [3, 6]
    kill = True
    with pytest.raises(KeyboardInterrupt):
        sft.train(make_config(**options))
    capsys.readouterr()
    sft.train(make_config(**options))
    assert capsys.readouterr().err.startswith("train: continuing from step 6\n")
    assert weights(make_config()) == weights(whole)


class Preempt(sft.ProgressBar):
    """Sends the process the signal in the middle of its fourth step; checkpoints are made every three."""

    def on_substep_end(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGTERM)


def weights(config):
    with open(f"{config.output_dir}/model.safetensors", "rb") as file:
        return file.read()


@pytest.mark.slow
def test_preempted_training_resumes_at_the_same_step(make_config, tmp_path, monkeypatch, capsys):
    options = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}
    whole = make_config(output_dir=str(tmp_path / "whole"), **options)
    expected = sft.train(whole)
    handler = signal.getsignal(signal.SIGTERM)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(sft, "ProgressBar", Preempt)
        with pytest.raises(SystemExit) as ended:
            sft.train(make_config(**options))
    assert ended.value.code == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "train: stopped at step 4; run the same command again to resume\n"
    assert signal.getsignal(signal.SIGTERM) == handler
    summary = sft.train(make_config(**options))
    assert capsys.readouterr().err.startswith("train: continuing from step 4\n")
    assert weights(make_config()) == weights(whole)
    assert (summary["steps"], summary["loss_last"]) == (expected["steps"], expected["loss_last"])
    assert summary["held_out_loss_before"] == expected["held_out_loss_before"]


@pytest.mark.slow
def test_a_signal_in_the_last_step_changes_nothing(make_config, monkeypatch):
    monkeypatch.setattr(sft, "ProgressBar", Preempt)
    options = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2, "max_steps": 4}
    assert sft.train(make_config(**options))["steps"] == 4
