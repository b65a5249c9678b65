"""A run read from its folders: what does not belong together is refused before anything is built."""

import json
import shutil
from pathlib import Path

import pytest

from kun_recipes.data.rows import read_rows
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.publishing.build import build
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
    with pytest.raises(UserError, match=f"{stage}: no finished stage .stage.json is missing.; run that stage first"):
        read_run(run_folder.config())


def test_unfinished_training_is_refused(run_folder):
    (run_folder.folder / "final_model/train_summary.json").unlink()
    with pytest.raises(UserError, match="final_model: no finished training"):
        read_run(run_folder.config())


@pytest.mark.parametrize(("stage", "before"), [("label", "corpus"), ("refine", "label")])
def test_stages_of_different_runs_are_refused(run_folder, stage, before):
    edit(run_folder.folder / stage / "stage.json", rows_in=70)
    with pytest.raises(
        UserError, match=f"{stage}: read 70 rows, but .*{before} kept .*; they do not belong to one run"
    ):
        read_run(run_folder.config())


@pytest.mark.parametrize("name", ["label_model", "primary_chat_model"])
def test_rows_of_an_earlier_training_are_refused(run_folder, name):
    weights = "model.safetensors"
    shutil.copyfile(run_folder.folder / "final_model" / weights, run_folder.folder / name / weights)
    with pytest.raises(UserError, match=rf"{name}: is {name}@\w+, but the rows of .* were written by {name}@\w+"):
        read_run(run_folder.config())


SERVED = "name=teacher-9,licence=mit"


def ask(run_folder, stage, column, identity, **config):
    """Have a stage of a finished run ask a model that the run did not train."""
    run_folder.rows = [{**row, column: identity} for row in run_folder.rows]
    run_folder.write()
    path = run_folder.folder / stage / "stage.json"
    earlier = json.loads(path.read_text(encoding="utf-8"))["config"]
    edit(path, config=earlier | config)


def test_asked_model_of_a_server_is_published_with_its_licence(run_folder):
    ask(run_folder, "refine", "chat_model", "teacher-9", model="teacher-9", engine="openai")
    config = run_folder.config(repositories=["dataset=Pairs"], asked_models=[SERVED])
    build(config, read_run(config), lambda line: None)
    card = (run_folder.folder / "publish/dataset/README.md").read_text(encoding="utf-8")
    assert "| teacher-9 | judged, and wrote the answers | – | `teacher-9` |" in card
    assert "are under [Apache 2.0](https://www.apache.org/licenses/LICENSE-2.0) and [MIT](" in card


def test_asked_model_of_the_hub_is_linked_with_its_base(run_folder):
    identity = "09da773ed523@0123456789ab"
    ask(run_folder, "label", "label_model", identity, model="m-a-p/Kun-LabelModel", engine="vllm")
    origin = "name=m-a-p/Kun-LabelModel,licence=cc-by-4.0,base=01-ai/Yi-34B"
    config = run_folder.config(repositories=["candidates=Candidates"], model_dirs=None, asked_models=[origin])
    build(config, read_run(config), lambda line: None)
    card = (run_folder.folder / "publish/candidates/README.md").read_text(encoding="utf-8")
    link = "[m-a-p/Kun-LabelModel](https://huggingface.co/m-a-p/Kun-LabelModel)"
    base = "[01-ai/Yi-34B](https://huggingface.co/01-ai/Yi-34B)"
    assert f"| {link} | wrote the instructions | {base} | `{identity}` |" in card
    assert f"This dataset was made with {base}" in card


def test_asked_folder_is_named_by_its_own_name(run_folder):
    (run_folder.folder / "label_model/train_summary.json").unlink()
    config = run_folder.config(
        repositories=["dataset=Pairs"], model_dirs=None, asked_models=["name=label_model,licence=mit"]
    )
    asked = read_run(config).asked["label"]
    identity = next(read_rows(run_folder.folder / "refine/rows"))["label_model"]
    assert (asked.name, asked.at, asked.licence, asked.identity) == ("label_model", "folder", "mit", identity)


def test_asked_model_source_file_names_its_licence_itself(run_folder):
    path = Path("recipes/demo/model.yaml").absolute()
    ask(run_folder, "label", "label_model", "qwen@0123456789ab", model={"path": str(path), "content": "1"})
    config = run_folder.config(repositories=["dataset=Pairs"], model_dirs=None)
    asked = read_run(config).asked["label"]
    assert (asked.name, asked.licence) == ("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "apache-2.0")


@pytest.mark.parametrize("named", [None, ["name=other,licence=mit"]])
def test_asked_model_without_a_licence_is_refused(run_folder, named):
    ask(run_folder, "refine", "chat_model", "teacher-9", model="teacher-9", engine="openai")
    with pytest.raises(
        UserError, match=r"model teacher-9: this run used it but did not train it .*name: teacher-9, licence: …"
    ):
        read_run(run_folder.config(repositories=["dataset=Pairs"], asked_models=named))


def test_origin_of_a_model_that_no_stage_asked_is_refused(run_folder):
    with pytest.raises(UserError, match="asked_models: no stage of this run used teacher-9; label and refine used "):
        read_run(run_folder.config(asked_models=[SERVED]))


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        (["name=a,licence=none-known"], "asked_models: unknown licence none-known"),
        (["name=a,licence=mit", "name=a,licence=mit"], "asked_models: a is given twice"),
    ],
)
def test_unusable_origins_are_refused(run_folder, origins, message):
    with pytest.raises(ConfigError, match=message):
        run_folder.config(asked_models=origins)
