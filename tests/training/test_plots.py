import pytest
from matplotlib.figure import Figure
from PIL import Image

from kun_recipes.training import plots
from kun_recipes.training.plots import plot_losses, running_mean


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        plots.Figure, "savefig", lambda self, *args, **kw: (figures.append(self), save(self, *args, **kw))
    )
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
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("update step", "loss (nats a token)")
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
