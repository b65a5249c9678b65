"""SIGTERM, with which Slurm preempts a job."""

import os
import signal

import pytest

from kun_recipes.training import sft


class Preempt(sft.ProgressBar):
    """Sends the process the signal in the middle of its fourth step; checkpoints are made every three."""

    def on_substep_end(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGTERM)


def weights(config):
    with open(f"{config.output_dir}/model.safetensors", "rb") as file:
        return file.read()


def test_a_preempted_training_loses_nothing(make_config, tmp_path, monkeypatch, capsys):
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
    assert capsys.readouterr().err == "train: stopped at step 4; the same command goes on from there\n"
    assert signal.getsignal(signal.SIGTERM) == handler
    summary = sft.train(make_config(**options))
    assert capsys.readouterr().err.startswith("train: continuing from step 4\n")
    assert weights(make_config()) == weights(whole)
    assert (summary["steps"], summary["loss_last"]) == (expected["steps"], expected["loss_last"])
    assert summary["held_out_loss_before"] == expected["held_out_loss_before"]


def test_a_signal_in_the_last_step_changes_nothing(make_config, monkeypatch):
    monkeypatch.setattr(sft, "ProgressBar", Preempt)
    options = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2, "max_steps": 4}
    assert sft.train(make_config(**options))["steps"] == 4
