import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kun_recipes.config.options import ConfigError
from kun_recipes.errors import UserError
from kun_recipes.training import checkpoints, sft
from kun_recipes.training.tracking import TensorBoard, check_trackers, make_trackers

pytestmark = pytest.mark.slow


def logged(folder, name):
    """(step, value) of a scalar, as TensorBoard shows it."""
    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_tensorboard_lies_in_the_models_folder(make_config, tmp_path):
    sft.train(make_config())
    logs = tmp_path / "model" / "logs"
    assert [step for step, _ in logged(logs, "train/loss")] == list(range(1, 9))
    assert [step for step, _ in logged(logs, "eval/loss")] == [0, 8]
    for name in ("tokens_per_second", "useful_tokens_per_second", "trained_tokens_per_second"):
        assert all(value > 0 for _, value in logged(logs, f"train/{name}"))
    assert all(0 <= share < 0.5 for _, share in logged(logs, "train/padding_share"))


def test_resumed_run_continues_the_same_curve(make_config, tmp_path):
    whole = make_config(output_dir=str(tmp_path / "whole"))
    sft.train(whole)
    mark = checkpoints.MarkWhole.on_save

    def kill(*args, **kwargs):
        mark(*args, **kwargs)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints.MarkWhole, "on_save", kill)
        with pytest.raises(KeyboardInterrupt):
            sft.train(make_config())
    sft.train(make_config())
    for name in ("train/loss", "eval/loss"):
        assert logged(tmp_path / "model" / "logs", name) == logged(tmp_path / "whole" / "logs", name)
    pictures = [(tmp_path / name / "loss.png").read_bytes() for name in ("model", "whole")]
    assert pictures[0] == pictures[1]


def test_events_after_the_last_checkpoint_are_hidden_on_resume(tmp_path):
    for step, values in ((None, [1.0, 2.0, 3.0]), (1, [7.0, 8.0])):
        writer = TensorBoard(tmp_path, step)
        writer._init_summary_writer(None)
        for number, value in enumerate(values, start=(step or 0) + 1):
            writer.tb_writer.add_scalar("loss", value, number)
        writer.tb_writer.close()
    assert logged(tmp_path, "loss") == [(1, 1.0), (2, 7.0), (3, 8.0)]


def test_report_to_none_writes_no_logs(make_config, tmp_path):
    sft.train(make_config(report_to="none", max_steps=1))
    assert not (tmp_path / "model" / "logs").exists()


def test_an_unknown_tracker_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"no tracker wand; there are none, azure_ml, .*, wandb"):
        check_trackers(["tensorboard", "wand"])


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_missing_tracker_is_refused_before_the_model_is_loaded(make_config, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sft, "resolve_model", lambda *args: pytest.fail("too late"))
    with pytest.raises(UserError, match=f"report_to: {name} is not installed here; install it, or leave it out"):
        sft.train(make_config(report_to=name))


def test_missing_tensorboard_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("transformers.integrations.integration_utils.is_tensorboard_available", lambda: False)
    with pytest.raises(UserError, match="report_to: tensorboard is not installed here"):
        make_trackers(["tensorboard"], tmp_path)
