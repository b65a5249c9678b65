"""Which stage waits for which: read off the paths."""

import pytest

from kun_recipes.chain.graph import needs
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import StageRun
from kun_recipes.chain.stages.gain import GAIN
from kun_recipes.chain.stages.label import LABEL
from kun_recipes.curation.config import LabelConfig
from kun_recipes.rounds.config import GainConfig

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
    stages = load_chain("recipes/demo", ["--final_model.model_name_or_path", "org/base"]).stages
    assert needs(stages)["final_model"] == ["refine"]


def test_folders_with_a_common_prefix_are_distinct():
    stages = load_chain(
        "recipes/demo", ["--label.segments", "outputs/demo/corpus-old/rows", "--output_dir", "x"]
    ).stages
    assert needs(stages)["label"] == ["label_model"]


def test_a_comparison_of_rounds_waits_for_the_stages_of_both():
    def labelling(folder: str) -> StageRun:
        config = LabelConfig(segments="s", model=f"{folder}/label_model", output_dir=f"{folder}/label")
        return StageRun(f"{folder}/label", "label", LABEL, config, [], [])

    options = {"model": "m", "seeds": "s", "output_dir": "out/round_2/gain"}
    gain = GainConfig(before="out/round_1", after="out/round_2", **options)
    stages = [*map(labelling, ("out/round_1", "out/round_2", "out/round_3", "out/round_22"))]
    stages.append(StageRun("gain", "gain", GAIN, gain, [], []))
    assert needs(stages)["gain"] == ["out/round_1/label", "out/round_2/label"]
    stages[-1].config.earlier = ["out/round_3"]
    assert needs(stages)["gain"] == ["out/round_1/label", "out/round_2/label", "out/round_3/label"]
    assert needs(stages)["out/round_2/label"] == []
