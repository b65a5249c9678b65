"""The data of a run are read, checked and tokenised once, whatever ends it in between."""

import json
from dataclasses import replace

import pytest
from datasets import Dataset

from kun_recipes.data.pairs import Removed
from kun_recipes.training import sft
from kun_recipes.training.checkpoints import RunFolder
from kun_recipes.training.data import TrainingData
from kun_recipes.training.prepared import prepared

CONVERSATIONS = [
    {"prompt": [{"role": "user", "content": text}], "completion": [{"role": "assistant", "content": "好"}]}
    for text in "甲乙丙"
]
DATA = TrainingData(
    training=CONVERSATIONS[:2],
    held_out=CONVERSATIONS[2:],
    pairs=3,
    removed=[Removed("pairs.jsonl:4", "too_long"), Removed("pairs.jsonl:5", "not_in_subset")],
    judge_items=1,
    mixed=[{"source": "a", "rows_in": 2, "rows_kept": 1, "removed": {"empty": 1}}],
)


class Killed(BaseException):
    pass


def never():
    raise AssertionError("read again")


def as_lists(data: TrainingData) -> TrainingData:
    assert isinstance(data.training, Dataset) and isinstance(data.held_out, Dataset)
    return replace(data, training=data.training.to_list(), held_out=data.held_out.to_list())


@pytest.mark.parametrize("held_out", [DATA.held_out, []])
def test_rereading_gives_the_same_rows(make_config, tmp_path, held_out, capsys):
    data = replace(DATA, held_out=held_out)
    assert as_lists(prepared(make_config(), tmp_path / "data", {}, lambda: data)) == data
    assert as_lists(prepared(make_config(), tmp_path / "data", {}, never)) == data
    assert "too_long" in capsys.readouterr().err  # said again


def test_each_conversation_bears_the_arguments_of_the_template(make_config, tmp_path):
    data = prepared(make_config(), tmp_path / "data", {"enable_thinking": False}, lambda: DATA)
    for part in (data.training, data.held_out):
        assert [row["chat_template_kwargs"] for row in part] == [{"enable_thinking": False}] * len(part)


def test_half_written_data_are_made_again(make_config, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            prepared(make_config(), folder, {}, lambda: DATA)
    other = replace(DATA, training=CONVERSATIONS[:1])
    assert as_lists(prepared(make_config(), folder, {}, lambda: other)) == other


@pytest.mark.slow
def test_a_restart_reads_and_tokenises_nothing(make_config, monkeypatch):
    folder = RunFolder(make_config()).data

    def kill(*_):
        raise Killed

    def made() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*.arrow")}

    with monkeypatch.context() as patch:
        patch.setattr(sft, "_save_model", kill)
        with pytest.raises(Killed):
            sft.train(make_config())
    before = made()
    assert any("cache-" in file for file in before)  # TRL's
    monkeypatch.setattr(sft, "load_data", lambda *_: never())
    with monkeypatch.context() as patch:
        patch.setattr(sft, "_save_model", kill)
        with pytest.raises(Killed):
            sft.train(make_config())
    assert made() == before
    assert sft.train(make_config())["tokens_trained"] > 0
    assert not folder.exists()
