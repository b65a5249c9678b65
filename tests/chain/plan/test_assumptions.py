import math

import pytest

from kun_recipes.chain.plan.estimate import load_plan
from kun_recipes.errors import UserError


def test_a_null_is_unknown_and_its_source_says_why(content, load_content):
    content["corpora"][2]["documents"]["source"] = "nobody counted them"
    unknown = load_content().corpora[2].documents
    assert math.isnan(unknown.number)
    assert unknown.source == "nobody counted them"


def test_every_number_has_a_name(known):
    named = dict(known.named())
    assert named["model.parameters"].number == 1_000_000
    assert named["corpora[skypile].documents"].number == 3000
    assert named["outside[owner/other].tokens"].number == 80
    assert named["training.computed.utilisation_share"].number == 0.5
    assert len(named) == 5 + 3 * 2 + 2 * 2 + 5 + 5 + 7 + 3 + 6 + 2 + 2


def test_nothing_to_compute_a_speed_from_is_needed(content, load_content):
    content["training"]["computed"] = None
    assert load_content().training.computed is None


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["label", "kept_shar"], {}, "label.kept_shar: unknown key; did you mean kept_share?"),
        (["label", "kept_share", "value"], "80%", "label.kept_share.value: must be a number"),
        (["label", "kept_share", "value"], -0.1, "label.kept_share.value: must be at least 0, not -0.1"),
        (["label", "kept_share", "value"], 1.5, "label.kept_share.value: must be at most 1, not 1.5"),
        (
            ["label", "prompt_tokens", "value"],
            0,
            "label.prompt_tokens.value: must be above 0, not 0",
        ),
        (["label", "kept_share"], 0.8, "label.kept_share: must be a mapping"),
        (["label", "kept_share", "source"], " ", "label.kept_share.source: is empty; say where the number comes from"),
        (
            ["corpora", 0, "documents", "value"],
            "many",
            "corpora[0].documents.value: must be a number or null, not 'many'",
        ),
        (["corpora", 1, "format"], "wudao", "corpora: wudao is given twice"),
        (["device"], "tpu", "device: must be one of gpu, core, not 'tpu'"),
        (["model", "parameters", "value"], float("inf"), "model.parameters.value: must be above 0, not inf"),
        (["model", "parameters", "value"], float("nan"), "model.parameters.value: must be above 0, not nan"),
    ],
)
def test_mistakes_name_file_and_key(content, load_content, tmp_path, keys, value, message):
    *parents, last = keys
    inside = content
    for key in parents:
        inside = inside[key]
    inside[last] = value
    with pytest.raises(UserError) as error:
        load_content()
    assert str(error.value).startswith(f"{tmp_path / 'plan.yaml'}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["refine", "good_share", "source"], "refine.good_share.source: is missing"),
        (["refine", "good_share"], "refine.good_share: is missing"),
        (["training", "computed"], "training.computed: is missing; write null if it is unknown"),
    ],
)
def test_a_missing_key_is_named(content, load_content, tmp_path, keys, message):
    *parents, last = keys
    inside = content
    for key in parents:
        inside = inside[key]
    del inside[last]
    with pytest.raises(UserError) as error:
        load_content()
    assert str(error.value) == f"{tmp_path / 'plan.yaml'}: {message}"


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"plan\.yaml: no such file$"):
        load_plan(tmp_path)
