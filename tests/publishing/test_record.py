"""A run read from its folders: what does not belong together is refused before anything is built."""

import json
import shutil

import pytest

from kun_recipes.errors import UserError
from kun_recipes.publishing.record import read_run


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_models_have_their_roles_and_bases(run_folder):
    record = read_run(run_folder.config())
    assert {name: model.role for name, model in record.models.items()} == {
        "label_model": "label",
        "primary_chat_model": "chat",
        "final_model": "final",
    }
    assert record.models["final_model"].base == "primary_chat_model"
    assert record.trained_from(record.models["final_model"]) == str(run_folder.folder / "base")


def test_unpublished_helper_models_are_allowed(run_folder):
    record = read_run(run_folder.config(model_dirs=None, repositories=["dataset=Pairs"]))
    assert sorted(record.models) == ["label_model", "primary_chat_model"]


@pytest.mark.parametrize("stage", ["corpus", "label", "refine"])
def test_unfinished_stage_is_refused(run_folder, stage):
    (run_folder.folder / stage / "stage.json").unlink()
    with pytest.raises(UserError, match=f"{stage}: no finished stage .stage.json is not there.; run that stage first"):
        read_run(run_folder.config())


def test_unfinished_training_is_refused(run_folder):
    (run_folder.folder / "final_model/train_summary.json").unlink()
    with pytest.raises(UserError, match="final_model: no finished training"):
        read_run(run_folder.config())


@pytest.mark.parametrize(("stage", "before"), [("label", "corpus"), ("refine", "label")])
def test_stages_of_different_runs_are_refused(run_folder, stage, before):
    edit(run_folder.folder / stage / "stage.json", rows_in=70)
    with pytest.raises(UserError, match=f"{stage}: read 70 rows, but .*{before} kept .*; they are not of one run"):
        read_run(run_folder.config())


@pytest.mark.parametrize("name", ["label_model", "primary_chat_model"])
def test_rows_of_an_earlier_training_are_refused(run_folder, name):
    weights = "model.safetensors"
    shutil.copyfile(run_folder.folder / "final_model" / weights, run_folder.folder / name / weights)
    with pytest.raises(UserError, match=rf"{name}: is {name}@\w+, but the rows of .* are by {name}@\w+"):
        read_run(run_folder.config())
