import math

import pytest

from kun_recipes.chain.plan.figures import load_figures
from kun_recipes.errors import UserError


def test_a_null_is_unknown_and_its_source_says_why(content, load_plan):
    content["corpora"][2]["documents"]["source"] = "nobody counted them"
    unknown = load_plan().corpora[2].documents
    assert math.isnan(unknown.number)
    assert unknown.source == "nobody counted them"


def test_every_figure_has_a_name(figures):
    named = dict(figures.named())
    assert named["parameters"].number == 1_000_000
    assert named["corpora[skypile].documents"].number == 3000
    assert named["outside[owner/other].tokens"].number == 80
    assert named["training.computed.utilisation_share"].number == 0.5
    assert len(named) == 1 + 3 * 2 + 2 * 2 + 5 + 6 + 5 + 4 + 7 + 3


def test_a_measured_speed_needs_nothing_to_compute_it_from(content, load_plan):
    content["training"]["computed"] = None
    assert load_plan().training.computed is None


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["label", "kept_shar"], {}, "label.kept_shar: unknown key, did you mean 'kept_share'?"),
        (["label", "kept_share", "value"], "80%", "label.kept_share.value: '80%' is not of type float"),
        (["label", "kept_share", "value"], -0.1, "label.kept_share.value: -0.1 is out of range"),
        (["label", "kept_share", "value"], 1.5, "label.kept_share.value: 1.5 is out of range"),
        (
            ["label", "tokens_per_second", "value"],
            0,
            "label.tokens_per_second.value: must be above 0, not 0",
        ),
        (["label", "kept_share"], 0.8, "label.kept_share: not a section of keys"),
        (["label", "kept_share", "source"], " ", "label.kept_share.source: is empty; say where the figure comes from"),
        (["corpora", 0, "documents", "value"], "many", "corpora[0].documents.value: 'many' is not of type float"),
        (["corpora", 1, "format"], "wudao", "corpora: wudao is there twice"),
        (["device"], "tpu", "device: 'tpu' is none of gpu, core"),
        (["parameters", "value"], float("inf"), "parameters.value: must be above 0, not inf"),
        (["parameters", "value"], float("nan"), "parameters.value: must be above 0, not nan"),
    ],
)
def test_mistakes_name_file_and_key(content, load_plan, tmp_path, keys, value, message):
    *parents, last = keys
    inside = content
    for key in parents:
        inside = inside[key]
    inside[last] = value
    with pytest.raises(UserError) as error:
        load_plan()
    assert str(error.value).startswith(f"{tmp_path / 'plan.yaml'}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["refine", "good_share", "source"], "refine.good_share.source: missing"),
        (["refine", "good_share"], "refine.good_share: missing"),
        (["training", "computed"], "training.computed: missing; write null for none"),
    ],
)
def test_a_missing_key_is_named(content, load_plan, tmp_path, keys, message):
    *parents, last = keys
    inside = content
    for key in parents:
        inside = inside[key]
    del inside[last]
    with pytest.raises(UserError) as error:
        load_plan()
    assert str(error.value) == f"{tmp_path / 'plan.yaml'}: {message}"


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"plan\.yaml: no such file$"):
        load_figures(tmp_path / "plan.yaml")
