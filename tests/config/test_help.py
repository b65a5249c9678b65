"""--help of the scripts: every field with its default, unit and source."""

import pytest

from kun_recipes.config.command_line import parse
from kun_recipes.corpus.config import CorpusConfig
from tests.config.sample_config import SampleConfig


def help_of(config_class: type, capsys: pytest.CaptureFixture, argv: tuple[str, ...] = ()) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(config_class, [*argv, "--help"])
    assert caught.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_shows_default_unit_and_source_of_each_field(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(SampleConfig, capsys)
    assert "A field of every kind." in shown
    for line in (
        "where it goes (required)",
        "how many [unit: rows] (default: 8)",
        "how fast [source: Kun §3.1] (default: 0.0001)",
        "how much (default: None)",
        "say nothing (default: False)",
        "which [one of a, b] (default: ['a'])",
    ):
        assert line in shown
    assert all(f"--{name} " in shown for name in SampleConfig.__dataclass_fields__)


def test_help_of_the_corpus_stage(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(CorpusConfig, capsys)
    assert "longest segment [unit: tokens; source: Kun §3.2] (default: 512)" in shown
    assert all(f"--{name} " in shown for name in CorpusConfig.__dataclass_fields__)


def test_help_of_the_training(capsys, monkeypatch):
    from kun_recipes.training.config import TrainConfig

    monkeypatch.setenv("COLUMNS", "200")
    shown = help_of(TrainConfig, capsys)
    assert "--max_length" in shown
    assert "[unit: tokens] (default: 1024)" in shown
    assert "[source: §3.1]" in shown
    assert "--learning_rate" in shown


def test_help_shows_the_values_of_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "stage.yaml"
    file.write_text("rows: 3\n")
    assert "how many [unit: rows] (default: 3)" in help_of(SampleConfig, capsys, ("--config", str(file)))
