import math

import orjson
import pytest

from kun_recipes.chain.plan.estimate import with_sample
from kun_recipes.errors import UserError

CORPUS = {"rows_in": 50, "rows_kept": 2, "removed": {"too_short": 15, "not_sampled": 33}, "documents": 40}
LABEL = {"rows_in": 20, "rows_kept": 2, "removed": {"fit": 18}}
REFINE = {
    "rows_in": 20,
    "rows_kept": 2,
    "removed": {"not_an_instruction": 4, "poor_instruction": 5, "poor_pair": 3, "too_short": 6},
}


@pytest.fixture
def corpus(finish, tmp_path):
    return finish(tmp_path / "corpus", CORPUS, "tokens", [100, 300], b"x" * 64)


def test_sample_of_a_corpus_stage(corpus, known):
    of = with_sample(known, corpus).corpus
    assert of.segments_per_document.number == 50 / 40
    assert of.kept_share.number == (2 + 33) / 50  # the sample's own limit is not the plan's
    assert of.tokens_per_segment.number == 200
    on_disk = sum(file.stat().st_size for file in corpus.rglob("*.zst"))
    assert of.bytes_per_row.number == on_disk / 50
    assert of.kept_share.source == f"sample {corpus}: 35 of 50 segments"
    assert of.text_bytes_per_second == known.corpus.text_bytes_per_second


def test_documents_that_a_sample_did_not_use_count_as_not_read(finish, known, tmp_path):
    removed = CORPUS["removed"] | {"document_not_sampled": 960}
    summary = CORPUS | {"rows_in": 1010, "documents": 1000, "removed": removed}
    sampled = finish(tmp_path / "sampled", summary, "tokens", [100, 300], b"x" * 64)
    whole = finish(tmp_path / "whole", CORPUS, "tokens", [100, 300], b"x" * 64)
    of, expected = (with_sample(known, folder).corpus for folder in (sampled, whole))
    for name in ("segments_per_document", "kept_share", "bytes_per_row"):
        assert getattr(of, name).number == getattr(expected, name).number


def test_figures_missing_in_the_sample_stay(corpus, known):
    merged = with_sample(known, corpus)
    assert (merged.label, merged.refine, merged.training) == (known.label, known.refine, known.training)


def test_sample_includes_the_stages_beside_the_corpus(corpus, known, finish, tmp_path):
    finish(tmp_path / "label", LABEL, "instruction_tokens", [8, 12])
    finish(tmp_path / "refine", REFINE, "output_tokens", [50, 70])
    merged = with_sample(known, corpus)
    assert (merged.label.kept_share.number, merged.label.instruction_tokens.number) == (0.1, 10)
    assert merged.refine.instruction_share.number == 16 / 20
    assert merged.refine.good_share.number == 8 / 16
    assert merged.refine.kept_share.number == 2 / 8
    assert merged.refine.answer_tokens.number == 60
    assert merged.refine.kept_share.source == f"sample {tmp_path / 'refine'}: 2 of 8 answers"


def test_raw_answers_have_no_token_count(corpus, known, finish, tmp_path):
    finish(tmp_path / "refine", REFINE, "output", ["一", "二"])
    assert math.isnan(with_sample(known, corpus).refine.answer_tokens.number)


def test_unfinished_stage_next_to_the_corpus_is_ignored(corpus, known, finish, tmp_path):
    finish(tmp_path / "label", LABEL, "instruction_tokens", [8]).joinpath("stage.json").unlink()
    assert with_sample(known, corpus).label == known.label


@pytest.mark.parametrize("how", ["nothing", "unfinished", "no row kept", "another stage"])
def test_invalid_sample_is_refused(corpus, known, tmp_path, how):
    if how == "nothing":
        corpus = tmp_path / "elsewhere"
    elif how == "unfinished":
        (corpus / "stage.json").unlink()
    elif how == "no row kept":
        (corpus / "stage.json").write_bytes(orjson.dumps(CORPUS | {"rows_kept": 0}))
    else:
        (corpus / "stage.json").write_bytes(orjson.dumps(LABEL))
    with pytest.raises(UserError) as error:
        with_sample(known, corpus)
    assert str(error.value).startswith(f"{corpus}: no finished corpus stage")
