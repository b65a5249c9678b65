"""A training that cannot have enough rows is told before any other is paid for."""

import json

import pytest

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import Chain
from kun_recipes.chain.rows import most_rows, refuse_shortage
from kun_recipes.errors import UserError

pytestmark = pytest.mark.usefixtures("in_repository")


def load(tmp_path, *words: str) -> Chain:
    return load_chain("recipes/demo", ["--output_dir", str(tmp_path), *words])


def finish(chain: Chain, name: str, rows: int) -> None:
    (stage,) = chain.select([name])
    stage.folder.mkdir(parents=True)
    summary = {"config": stage.kind.asked(stage.config), "rows_kept": rows}
    (stage.folder / stage.kind.summary_file).write_text(json.dumps(summary), encoding="utf-8")


def test_finished_stages_are_counted_and_limits_are_handed_on(tmp_path):
    chain = load(tmp_path, "--sample_rows", "1000")
    most = most_rows(chain)
    assert [most[name] for name in ("corpus", "label", "refine")] == [1000, 1000, 1000]
    finish(chain, "corpus", 700)
    assert [most_rows(chain)[name] for name in ("corpus", "label", "refine")] == [700, 700, 700]
    assert most_rows(load(tmp_path / "other"))["refine"] == float("inf")


def test_a_size_that_the_sample_cannot_give_is_refused(tmp_path):
    chain = load(tmp_path, "--sample_rows", "100000", "--final_sizes", "9000", "120000", "200000")
    with pytest.raises(UserError) as caught:
        refuse_shortage(chain, chain.stages)
    assert str(caught.value) == (
        f"final_model_120k 120,000, final_model_200k 200,000 rows: {tmp_path}/dataset will have 90,474 to train on at "
        "most; raise sample_rows of the corpus stage, or lower final_sizes or train_rows"
    )
    refuse_shortage(chain, chain.select(["final_model_9k"]))


def test_a_size_that_the_finished_label_stage_cannot_give_is_refused(tmp_path):
    chain = load(tmp_path, "--final_sizes", "50", "90")
    refuse_shortage(chain, chain.stages)
    finish(chain, "corpus", 500)
    finish(chain, "label_model", 1)
    finish(chain, "label", 60)
    with pytest.raises(UserError, match=r"^final_model_90 90 rows: .* will have 60 to train on at most; raise"):
        refuse_shortage(chain, chain.stages)


def test_once_the_rows_are_there_the_training_itself_tells(tmp_path):
    chain = load(tmp_path, "--sample_rows", "100", "--final_sizes", "50", "900")
    for name in ("corpus", "label_model", "primary_chat_model", "label", "refine"):
        finish(chain, name, 60)
    refuse_shortage(chain, chain.stages)


@pytest.mark.parametrize("recipe", ["demo", "humpback", "kun-34b", "kun-6b", "qwen3"])
def test_no_recipe_asks_for_more_rows_than_it_samples(recipe):
    chain = load_chain(f"recipes/{recipe}", [], future=[".", "/"])
    refuse_shortage(chain, chain.stages)


def test_sampled_labels_are_not_cut_by_a_threshold_for_greedy_ones():
    """The demo's max_perplexity of 4 removes most candidates that were sampled as the release's were."""
    for recipe in ("kun-6b", "kun-34b"):
        label = load_chain(f"recipes/{recipe}", [], future=[".", "/"]).select(["label"])[0].config
        assert (label.sampling, label.max_perplexity) == ("released", None)
