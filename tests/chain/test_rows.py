"""A training that cannot have enough rows is reported before any stage runs."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.local import check_before, run_here
from kun_recipes.chain.recipe import Chain
from kun_recipes.chain.rows import most_rows, refuse_shortage
from kun_recipes.errors import UserError

pytestmark = pytest.mark.usefixtures("in_repository")


def write_pairs(path: Path, rows: int) -> Path:
    pairs = ({"instruction": f"问题{number}？", "output": f"回答{number}。"} for number in range(rows))
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return path


def load(tmp_path, *words: str) -> Chain:
    return load_chain("recipes/demo", ["--output_dir", str(tmp_path), *words])


def finish(chain: Chain, name: str, rows: int, **more: object) -> None:
    (stage,) = chain.select([name])
    stage.folder.mkdir(parents=True)
    summary = {"config": stage.kind.asked(stage.config), "rows_kept": rows, **more}
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
        f"final_model_120k 120,000, final_model_200k 200,000 rows requested, but {tmp_path}/dataset will have at most "
        "90,474 to train on; raise sample_rows of the corpus stage, or lower final_sizes or train_rows"
    )
    refuse_shortage(chain, chain.select(["final_model_9k"]))


def test_a_size_that_the_finished_label_stage_cannot_give_is_refused(tmp_path):
    chain = load(tmp_path, "--final_sizes", "50", "90")
    refuse_shortage(chain, chain.stages)
    finish(chain, "corpus", 500)
    finish(chain, "label_model", 1)
    finish(chain, "label", 60)
    with pytest.raises(
        UserError, match=r"^final_model_90 90 rows requested, but .* will have at most 60 to train on; raise"
    ):
        refuse_shortage(chain, chain.stages)


def test_shortage_is_not_estimated_once_rows_exist(tmp_path):
    chain = load(tmp_path, "--sample_rows", "100", "--final_sizes", "50", "900")
    for name in ("corpus", "label_model", "primary_chat_model", "label", "refine"):
        finish(chain, name, 60)
    refuse_shortage(chain, chain.stages)


def test_documents_and_segments_that_are_read_limit_the_rows(tmp_path):
    limits = ["--corpora", "recipes/demo/data/corpus/skypile,format=skypile", "--max_documents", "5"]
    assert most_rows(load(tmp_path, *limits))["refine"] == float("inf")
    assert most_rows(load(tmp_path, *limits, "--max_segments", "3"))["refine"] == 15
    assert most_rows(load(tmp_path, *limits, "--max_segments", "3", "--sample_rows", "7"))["refine"] == 7


SHORT = {
    "seeds": (
        ["--primary_chat_model.train_rows", "58"],
        "primary_chat_model 58 rows requested, but recipes/demo/data/seeds.jsonl will have at most 57 to train on; "
        "give more pairs, or lower train_rows",
    ),
    "the run's own pairs": (
        ["--sample_rows", "30", "--final_model.train_rows", "50"],
        "final_model 50 rows requested, but {run}/dataset will have at most 30 to train on; "
        "raise sample_rows of the corpus stage, ",
    ),
}


@pytest.mark.parametrize(("words", "message"), SHORT.values(), ids=SHORT)
def test_a_set_with_fewer_rows_than_a_training_asks_for_is_refused(tmp_path, words, message):
    write_pairs(tmp_path / "own.jsonl", 20)
    places = {"folder": tmp_path, "run": tmp_path / "run"}
    chain = load(tmp_path / "run", *(word.format(**places) for word in words))
    with pytest.raises(UserError) as caught:
        check_before(chain, chain.stages)
    assert str(caught.value).startswith(message.format(**places))


@pytest.mark.parametrize(
    "words",
    [
        ["--primary_chat_model.train_rows", "57"],
        ["--final_model.train_rows", "50"],
    ],
    ids=["seeds", "the run's own pairs, without a sample"],
)
def test_a_set_that_may_have_enough_rows_is_accepted(tmp_path, words):
    write_pairs(tmp_path / "own.jsonl", 20)
    chain = load(tmp_path / "run", *(word.format(folder=tmp_path) for word in words))
    refuse_shortage(chain, chain.stages)


def test_missing_corpus_rows_are_reported_before_the_first_training(tmp_path, monkeypatch):
    chain = load(tmp_path, "--sample_rows", "1000", "--final_sizes", "500")
    refuse_shortage(chain, chain.stages)
    begun = []

    def run_stage(stage, log, show):
        begun.append(stage.name)
        finish(chain, stage.name, 35, rows_in=50, removed={}, seconds=1)

    monkeypatch.setattr("kun_recipes.chain.local.run_stage", run_stage)
    with pytest.raises(
        UserError, match=r"^final_model_500 500 rows requested, but .* will have at most 35 to train on"
    ):
        run_here(chain, chain.stages, Console(file=io.StringIO()))
    assert begun == ["corpus"]


@pytest.mark.parametrize("recipe", ["demo", "humpback", "kun-34b", "kun-6b", "qwen3", "qwen3_5", "released"])
def test_recipes_request_at_most_their_sample(recipe):
    chain = load_chain(f"recipes/{recipe}", [], future=[".", "/"])
    refuse_shortage(chain, chain.stages)


def test_sampled_labels_are_not_cut_by_a_threshold_for_greedy_ones():
    """The demo's max_perplexity of 4 removes most candidates that were sampled as the release's were."""
    for recipe in ("kun-6b", "kun-34b"):
        label = load_chain(f"recipes/{recipe}", [], future=[".", "/"]).select(["label"])[0].config
        assert (label.sampling, label.max_perplexity) == ("released", None)
