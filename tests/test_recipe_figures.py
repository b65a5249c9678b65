"""The figures that the recipes take from the paper and from its release, and that two arms differ in nothing else."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from kun_recipes.chain.config import RunConfig
from kun_recipes.config.command_line import load
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.models.engines.base import Sampling
from kun_recipes.training.config import TrainConfig

REPOSITORY = Path(__file__).resolve().parent.parent
SIZES = [9_000, 26_000, 39_000, 52_000, 100_000, 200_000, 360_000]  # table 3
TRAININGS = ["label_model", "primary_chat_model", "final_model"]
STEPS = 22_500


@pytest.fixture(autouse=True)
def in_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)  # recipes name their files from there


def read(kind: type, recipe: str, stage: str):
    return load(kind, ["--config", f"recipes/{recipe}/{stage}.yaml"], future=("outputs", "data"))


def differing(kind: type, stage: str) -> set[str]:
    """Fields in which the comparison arm's stage differs from kun-6b's."""
    ours, theirs = (read(kind, recipe, stage) for recipe in ("kun-6b", "humpback"))
    return {field.name for field in fields(kind) if getattr(ours, field.name) != getattr(theirs, field.name)}


def test_the_comparison_arm_differs_in_what_is_scored_and_what_is_answered():
    places = {"output_dir", "dataset_dir"}
    arm = {"score_target", "score_prompt", "answers", "judge_data"}
    measured_only = {"verify", "keep_unverified"}  # raw segments are their own support, and no row is dropped by it
    assert differing(RefineConfig, "refine") == arm | places | measured_only
    assert differing(TrainConfig, "final_model") == {"output_dir", "seeds"}
    assert {path.stem for path in Path("recipes/humpback").glob("*.yaml")} - {
        "plan",
        "statistics",
        "study",
        "report",
        "publish",
    } == {
        "refine",
        "final_model",
        "evaluate",
        "run",
    }


@pytest.mark.parametrize("recipe", ["kun-6b", "kun-34b", "humpback", "released"])
def test_the_papers_recipes_drop_no_row_by_a_check_of_answers(recipe):
    config = read(RefineConfig, recipe, "refine")
    assert config.keep_unverified or not config.verify


def test_the_comparison_arm_trains_on_sizes_of_the_papers():
    sizes = read(RunConfig, "humpback", "run").final_sizes
    assert sizes == SIZES[: len(sizes)]


@pytest.mark.parametrize("stage", [*TRAININGS, "final_model_52k_coig"])
def test_kun_6b_has_the_papers_figures(stage):
    config = read(TrainConfig, "kun-6b", stage)
    assert (config.learning_rate, config.global_batch_size, config.use_peft) == (2e-5, 16, False)
    assert (config.bf16, config.padding_free, config.packing) == (True, True, False)
    assert 16 % config.per_device_train_batch_size == 0


def test_every_final_model_of_kun_6b_gets_as_many_updates_as_show_the_largest_set_whole():
    run = read(RunConfig, "kun-6b", "run")
    assert run.final_sizes == SIZES
    for stage in ("final_model", "final_model_52k_coig"):
        config = read(TrainConfig, "kun-6b", stage)
        assert config.max_steps == STEPS
        assert config.max_steps * config.global_batch_size == max(SIZES)
    assert max(SIZES) <= 377_592 * (1 - config.held_out_share)  # the pairs of §4.2.1
    mixed = read(TrainConfig, "kun-6b", "final_model_52k_coig")
    assert (mixed.train_rows, len(mixed.dataset_mixture.datasets)) == (52_000, 1)


@pytest.mark.parametrize(("stage", "epochs"), [("label_model", 6), ("primary_chat_model", 4)])
def test_kun_34b_has_the_releases_figures(stage, epochs):
    config = read(TrainConfig, "kun-34b", stage)
    assert (config.learning_rate, config.num_train_epochs, config.max_steps) == (1e-5, epochs, -1)
    assert (config.model_name_or_path, config.global_batch_size, config.use_peft) == ("01-ai/Yi-34B", 16, False)


def test_kun_34b_asks_with_the_releases_prompt_and_decoding():
    released = Sampling(max_new_tokens=1024, temperature=0.5, top_p=0.95, repetition_penalty=1.2)
    label, refine = read(LabelConfig, "kun-34b", "label"), read(RefineConfig, "kun-34b", "refine")
    assert label.decoding() == refine.decoding() == released
    trained_with = read(TrainConfig, "kun-34b", "label_model").label_prompt
    assert label.prompt == trained_with
    assert (
        Path(label.prompt)
        .read_text(encoding="utf-8")
        .startswith("[user]\n请直接告诉我，以下回复最有可能对应的指令是什么：\n")
    )


@pytest.mark.parametrize("recipe", ["kun-6b", "kun-34b", "qwen3"])
def test_models_of_the_hub_are_pinned_to_one_commit(recipe):
    base = read(RunConfig, recipe, "run").model
    pinned = set()
    for stage in ("corpus", "label_model", "primary_chat_model"):
        values = yaml.safe_load(Path(f"recipes/{recipe}/{stage}.yaml").read_text(encoding="utf-8"))
        assert values.get("model", values.get("model_name_or_path")) == base
        pinned.add(values["model_revision"])
    assert len(pinned) == 1 and len(pinned.pop()) == 40


@pytest.mark.parametrize("recipe", ["demo", "kun-6b", "kun-34b", "qwen3", "qwen3_5"])
def test_models_are_measured_by_pairs_that_no_training_saw(recipe):
    evaluation, training = read(EvaluateConfig, recipe, "evaluate"), read(TrainConfig, recipe, "primary_chat_model")
    for field in ("seeds", "instruction_column", "output_column", "held_out_share"):
        assert getattr(evaluation, field) == getattr(training, field)
    assert read(TrainConfig, recipe, "label_model").seeds == evaluation.seeds
    assert evaluation.model == read(RunConfig, recipe, "run").model


@pytest.mark.parametrize("recipe", ["kun-6b", "kun-34b", "qwen3", "qwen3_5"])
def test_label_model_is_prompted_as_in_training(recipe):
    assert read(LabelConfig, recipe, "label").prompt == read(TrainConfig, recipe, "label_model").label_prompt


def test_qwen3_5_differs_from_qwen3_in_its_model_and_its_batches_alone():
    """Its linear attention keeps no conversations apart that share a row."""
    models = {"model", "model_name_or_path", "model_revision"}
    batches = {"packing", "global_batch_size"}
    for path in Path("recipes/qwen3").glob("*.yaml"):
        if path.stem in ("plan", "publish", "report"):  # names and sources
            continue
        theirs = yaml.safe_load(path.read_text("utf-8"))
        ours = yaml.safe_load(Path("recipes/qwen3_5", path.name).read_text("utf-8"))
        differing = {key for key in theirs.keys() | ours.keys() if str(ours.get(key)) != _moved(theirs.get(key))}
        assert differing <= (models | batches if path.stem in TRAININGS else models), path
    for stage in TRAININGS:
        config = read(TrainConfig, "qwen3_5", stage)
        assert config.shares_rows_by is None and config.per_device_train_batch_size == 1
        assert read(TrainConfig, "qwen3", stage).packing


def _moved(value: object) -> str:
    return re.sub(r"\boutputs/qwen3\b", "outputs/qwen3_5", str(value))


def test_released_recipe_differs_from_kun_34b_in_its_label_model_alone():
    """Beside the folders; it trains no label model, and has none to publish."""
    there, here = ({path.name for path in Path("recipes", name).glob("*.yaml")} for name in ("kun-34b", "released"))
    assert there - here == {"label_model.yaml"} and here < there
    for name in sorted(here - {"run.yaml", "label.yaml", "report.yaml", "plan.yaml", "publish.yaml"}):
        ours, theirs = (
            yaml.safe_load(Path("recipes", one, name).read_text("utf-8")) for one in ("released", "kun-34b")
        )
        assert str(ours).replace("outputs/released", "outputs/kun-34b") == str(theirs), name
    label = read(LabelConfig, "released", "label")
    assert (label.model, label.model_revision) == ("m-a-p/Kun-LabelModel", None)
    assert (label.prompt, label.sampling) == ("recipes/prompts/label.txt", "released")
    publish = yaml.safe_load(Path("recipes/released/publish.yaml").read_text("utf-8"))
    assert publish["asked_models"] == [{"name": label.model, "licence": "unknown", "base": "01-ai/Yi-34B"}]
    assert "--label.model_revision" in Path("recipes/released/run.yaml").read_text(encoding="utf-8")
