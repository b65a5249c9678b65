"""The plans of the recipes here: nothing of a stage file is left out, and what was measured comes out again."""

import math

import pytest

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.plan.estimate import estimate, load_plan
from kun_recipes.chain.plan.measured import load_measured
from kun_recipes.chain.plan.plan import Hardware, Plan

PUT_THERE = ("seeds.jsonl", "coig-one-38k.jsonl", "COIG-CQIA-full.jsonl")
"""Files that a user puts into data/, by the headers of run.yaml, besides the corpora."""

ASKING = ["label", "refine", "evaluate"]
NOBODY_KNOWS = {
    "qwen3": ["corpus", *ASKING],
    "qwen3_5": ["corpus", *ASKING],
    "kun-6b": ASKING,
    "humpback": ["refine", "evaluate"],
}
"""Stages whose cost plan.yaml leaves open."""


@pytest.fixture
def plan(tmp_path, repository, monkeypatch):
    """Plans a recipe, in a folder where its data lies."""
    for folder in ("recipes", "accelerate_configs", "cards"):
        (tmp_path / folder).symlink_to(repository / folder)
    for corpus in ("wudao", "wanjuan"):
        (tmp_path / "data" / corpus).mkdir(parents=True)
    for name in PUT_THERE:
        (tmp_path / "data" / name).touch()
    monkeypatch.chdir(tmp_path)

    def make(recipe: str, hardware: Hardware) -> Plan:
        folder = f"recipes/{recipe}"
        measured = load_measured(repository / "benchmarks" / "measured")
        return estimate(load_chain(folder, []), load_plan(folder), None, hardware, measured)

    return make


@pytest.mark.parametrize("recipe", ["demo", "humpback", "kun-34b", "kun-6b", "qwen3", "qwen3_5", "released"])
def test_only_unpublished_figures_are_unknown(plan, recipe):
    stages = plan(recipe, Hardware(gpus=8, cpu_workers=64)).stages
    assert [stage.name for stage in stages if math.isnan(stage.device_hours)] == NOBODY_KNOWS.get(recipe, [])


@pytest.mark.parametrize(("nodes", "named"), [(1, True), (2, False)])
def test_kun_34b_does_not_fit_one_node(plan, nodes, named):
    """68.8 GB of states per GPU on eight, and activations, of 80 GB."""
    found = plan("kun-34b", Hardware(gpus=16, cpu_workers=64, training_gpus=8 * nodes, gpu_memory_gb=80))
    states = 34_388_917_248 * 16 / (8 * nodes)
    assert all(stage.work.gpu_bytes > states for stage in found.stages if stage.work.steps is not None)
    misfit = "label_model, primary_chat_model, final_model: needs 74 GB on each of 8 GPUs"
    assert any(warning.startswith(misfit) for warning in found.warnings) == named


def test_scratch_of_the_corpus_stage(plan):
    """1.15 G segments: their rows, digests and MinHash."""
    (corpus,) = [one for one in plan("kun-6b", Hardware(gpus=8, cpu_workers=64)).stages if one.name == "corpus"]
    assert corpus.work.scratch_bytes == pytest.approx(1.15e9 * (668 + 44 + 12 + 24 + 14 * 36), rel=0.01)


def test_the_papers_trainings(plan):
    """§4.1.1: 192 GPU hours on 32 A800, for every model. The plan leaves out start-up, saving and loading."""
    stages = plan("kun-6b", Hardware(gpus=32, cpu_workers=64)).stages
    hours = sum(stage.device_hours for stage in stages if stage.work.steps is not None)
    assert 192 / 3 < hours < 192


@pytest.mark.parametrize(
    ("stage", "rows_in", "rows_out", "seconds"),
    # the README's funnel, and the trainings' pairs without the held-out ones
    [
        ("corpus", 50, 35, None),
        ("label_model", 121, None, 150),
        ("primary_chat_model", 141, None, 200),
        ("label", 35, 31, 51),
        ("refine", 31, 15, 440),
        ("final_model", 12, None, None),  # so short that it is mostly the start
    ],
)
def test_plan_of_the_demo_matches_its_measurement(plan, stage, rows_in, rows_out, seconds):
    (found,) = [line for line in plan("demo", Hardware(gpus=0, cpu_workers=2)).stages if line.name == stage]
    assert found.work.rows_in == pytest.approx(rows_in, abs=2)  # pairs are held out by hash: of 15 three
    assert found.work.rows_out == (None if rows_out is None else pytest.approx(rows_out, abs=0.5))
    if seconds is not None:
        assert found.seconds == pytest.approx(seconds, rel=0.35)
