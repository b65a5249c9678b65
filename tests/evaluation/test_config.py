import pytest

from kun_recipes.config.command_line import load
from kun_recipes.errors import ConfigError
from kun_recipes.evaluation.config import EvaluateConfig, model_name

REQUIRED = ["--model", "org/base", "--output_dir", "out", "--seeds", "recipes/demo/data/seeds.jsonl"]
CEVAL = ["--benchmarks", "c,name=ceval"]

pytestmark = pytest.mark.usefixtures("in_repository")


def test_models_are_named_after_their_folders_and_ids():
    config = load(EvaluateConfig, [*REQUIRED, *CEVAL, "--models", "outputs/x/final_model", "org/chat"])
    assert config.named() == ["base", "final_model", "chat"]
    assert model_name("recipes/demo/model.yaml") == "Qwen2.5-Coder-0.5B-Instruct"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "benchmarks: is required: set it in the YAML or by --benchmarks"),
        ([*CEVAL, "d,name=ceval"], "benchmarks: ceval is given twice"),
        (["--benchmarks", "c"], "benchmarks.name: is missing"),
        ([*CEVAL, "--modes", "ppl-full", "--models", "m"], "modes: ppl-full compares plain texts"),
        ([*CEVAL, "--models", "x/base"], "models: two of them are named base; rename the folder of one"),
        ([*CEVAL, "--bootstrap", "10"], "bootstrap: must be at least 100, not 10"),
        ([*CEVAL, "--held_out_share", "0"], "held_out_share: must be above 0, not 0"),
    ],
)
def test_impossible_combinations_are_refused(words, message):
    with pytest.raises(ConfigError) as caught:
        load(EvaluateConfig, [*REQUIRED, *words])
    assert message in str(caught.value)


def test_base_model_alone_may_use_ppl_full():
    config = load(EvaluateConfig, [*REQUIRED, *CEVAL, "--modes", "ppl", "ppl-full"])
    assert config.modes == ["ppl", "ppl-full"]
    assert config.decoding().max_new_tokens == 100
