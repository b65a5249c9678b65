"""Which stage waits for which: read off the paths."""

import pytest

from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import load_chain

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize("words", [[], ["--output_dir", "/somewhere/else"], ["--output_dir", "."]])
def test_the_papers_chain(words):
    everything = ["corpus", "label_model", "primary_chat_model", "label", "refine", "final_model", "evaluate"]
    assert needs(load_chain("recipes/demo", words).stages) == {
        "corpus": [],
        "label_model": [],
        "primary_chat_model": [],
        "label": ["corpus", "label_model"],
        "refine": ["primary_chat_model", "label"],
        "final_model": ["primary_chat_model", "refine"],
        "evaluate": ["primary_chat_model", "refine", "final_model"],
        "statistics": ["primary_chat_model", "refine"],
        "study": ["primary_chat_model", "refine", "final_model"],
        "report": [*everything, "statistics", "study"],
        "publish": [*everything, "report"],
    }


def test_the_final_models_wait_for_the_dataset_and_not_for_each_other():
    stages = load_chain("recipes/demo", ["--final_sizes", "5", "10"]).stages
    assert needs(stages)["final_model_10"] == ["primary_chat_model", "refine"]
    assert needs(stages)["evaluate"] == ["primary_chat_model", "refine", "final_model_5", "final_model_10"]
    assert needs(stages)["publish"][-4:] == ["final_model_5", "final_model_10", "evaluate", "report"]


def test_a_final_model_from_the_base_waits_for_no_other_model():
    stages = load_chain("recipes/demo", ["--final_model.model", "org/base"]).stages
    assert needs(stages)["final_model"] == ["refine"]


def test_folders_that_begin_alike_are_two():
    stages = load_chain(
        "recipes/demo", ["--label.segments", "outputs/demo/corpus-old/rows", "--output_dir", "x"]
    ).stages
    assert needs(stages)["label"] == ["label_model"]
