import sys

import pytest
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kun_recipes.errors import ConfigError, UserError
from kun_recipes.training import checkpoints, sft
from kun_recipes.training.tracking import TensorBoard, check_trackers, make_trackers, plot_losses, running_mean

pytestmark = pytest.mark.slow


def logged(folder, name):
    """(step, value) of a scalar, as TensorBoard shows it."""
    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_tensorboard_logs_are_in_the_model_folder(make_config, tmp_path):
    sft.train(make_config())
    logs = tmp_path / "model" / "logs"
    assert [step for step, _ in logged(logs, "train/loss")] == list(range(1, 9))
    assert [step for step, _ in logged(logs, "eval/loss")] == [0, 8]
    for name in ("tokens_per_second", "useful_tokens_per_second", "trained_tokens_per_second"):
        assert all(value > 0 for _, value in logged(logs, f"train/{name}"))
    assert all(0 <= share < 0.5 for _, share in logged(logs, "train/padding_share"))
    assert len(list(logs.iterdir())) == 1  # TensorBoard drops values where two files sort against their times


def test_resumed_run_continues_the_same_curve(make_config, tmp_path):
    whole = make_config(output_dir=str(tmp_path / "whole"))
    sft.train(whole)
    mark = checkpoints.WriteManifest.on_save

    def kill(*args, **kwargs):
        mark(*args, **kwargs)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints.WriteManifest, "on_save", kill)
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
    with pytest.raises(ConfigError, match=r"unknown tracker wand; choose none, azure_ml, .*, wandb"):
        check_trackers(["tensorboard", "wand"])


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_missing_tracker_is_refused_before_the_model_is_loaded(make_config, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sft, "resolve_model", lambda *args: pytest.fail("too late"))
    with pytest.raises(UserError, match=f"report_to: {name} is not installed; install it, or remove it"):
        sft.train(make_config(report_to=name))


def test_missing_tensorboard_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("transformers.integrations.integration_utils.is_tensorboard_available", lambda: False)
    with pytest.raises(UserError, match="report_to: tensorboard is not installed"):
        make_trackers(["tensorboard"], tmp_path)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *args, **kw: (figures.append(self), save(self, *args, **kw)))
    return figures


def history(steps, held_out):
    entries = [{"step": 0, "eval_loss": 2.5}] if held_out else []
    entries += [{"step": step, "loss": 3.0 / step} for step in range(1, steps + 1)]
    return [*entries, *([{"step": steps, "eval_loss": 1.5}] if held_out else [])]


def test_the_curves_are_those_of_the_log(tmp_path, drawn):
    plot_losses(history(40, held_out=True), tmp_path / "loss.png")
    axes = drawn[0].axes[0]
    logged, smoothed, held_out = axes.lines
    assert list(logged.get_xdata()) == list(range(1, 41))
    assert list(logged.get_ydata()) == [3.0 / step for step in range(1, 41)]
    assert list(smoothed.get_xdata()) == list(range(2, 41))
    assert smoothed.get_ydata()[0] == pytest.approx((3.0 + 1.5) / 2)
    assert (list(held_out.get_xdata()), list(held_out.get_ydata())) == ([0, 40], [2.5, 1.5])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("update step", "loss (nats per token)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "training, as logged",
        "training, mean of 2 logged",
        "held out",
    ]
    with Image.open(tmp_path / "loss.png") as picture:
        assert picture.size == (1200, 675)


def test_a_short_run_without_held_out_pairs_is_one_curve(tmp_path, drawn):
    plot_losses(history(3, held_out=False), tmp_path / "loss.png")
    assert len(drawn[0].axes[0].lines) == 1


def test_running_mean():
    assert running_mean([1, 2, 3, 6], 3) == [2.0, 11 / 3]
